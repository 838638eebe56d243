import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { withRefusals } from './openapi.js';
import { actionRoutes } from './action-routes.js';
import { alertRoutes } from './alert-routes.js';
import { codecRoutes } from './codec-routes.js';
import { doctorRoutes } from './doctor-routes.js';
import { answerError, ApiError } from './errors.js';
import { healthRoutes } from './health-routes.js';
import { incidentRoutes } from './incident-routes.js';
import { linkRoutes } from './link-routes.js';
import { modeRoutes } from './mode-routes.js';
import { onCallRoutes } from './oncall-routes.js';
import { requestLogger } from './named-requests.js';
import type { ServerParts } from './parts.js';
import { routeRoutes } from './route-routes.js';
import { silenceRoutes } from './silence-routes.js';
import { slackRoutes } from './slack-routes.js';
import { doors } from './tokens.js';
import { traceRequests } from './traced-requests.js';
import { trialRoutes } from './trial-routes.js';
import { twilioRoutes } from './twilio-routes.js';

export type { ServerParts } from './parts.js';

/** The HTTP server, ready to listen. Connects nothing; `close()` lets requests in flight finish. */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const { config, metrics, logger } = parts;
  const app = fastify({
    loggerInstance: logger,
    childLoggerFactory: requestLogger,
    bodyLimit: config.http.bodyLimit,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    // Ids of workflows are longer than Fastify's own limit; its own words for a path that it can't take would repeat it.
    routerOptions: { maxParamLength: 1_000 },
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply, (code) => metrics.refusals.inc({ source: 'unknown', code })),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('caller', '');
  app.decorateRequest('tooLittle', undefined);
  app.decorateRequest('signed', undefined);
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, (code) => metrics.refusals.inc({ source: request.caller || 'unknown', code })));
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
  });

  traceRequests(app);

  await app.register(helmet);
  await app.register(rateLimit, {
    max: config.http.requestsPerMinute,
    timeWindow: '1 minute',
    // Probes and a storm of alerts come from few addresses; a probe must never be told to wait.
    allowList: (request) => ['/healthz', '/readyz'].includes(request.url),
  });
  await app.register(swagger, {
    openapi: {
      info: { title: 'AuthOS Responder', version: '1' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: withRefusals,
  });
  // After the rate limit, so that guessing paths counts too.
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, async () => {
    throw new ApiError('not_found', 'there is no such route; GET /openapi.json lists them');
  });

  const door = doors(config);
  await app.register(healthRoutes(parts));
  await app.register(alertRoutes(parts, door));
  await app.register(incidentRoutes(parts, door), { prefix: '/api' });
  await app.register(actionRoutes(parts, door), { prefix: '/api' });
  await app.register(modeRoutes(parts, door), { prefix: '/api' });
  await app.register(silenceRoutes(parts, door), { prefix: '/api' });
  await app.register(routeRoutes(parts, door), { prefix: '/api' });
  await app.register(onCallRoutes(parts, door), { prefix: '/api' });
  await app.register(trialRoutes(parts, door), { prefix: '/api' });
  await app.register(doctorRoutes(parts, door), { prefix: '/api' });
  await app.register(codecRoutes(parts, door), { prefix: '/codec' });
  await app.register(linkRoutes(parts));
  await app.register(slackRoutes(parts));
  await app.register(twilioRoutes(parts));
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  return app;
}
