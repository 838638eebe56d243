import type { FastifyPluginAsync } from 'fastify';
import { countOpenIncidents } from '../metrics.js';
import type { ServerParts } from './parts.js';

/** Needs no token. */
const open = { schema: { security: [] } };

/** For probes and Prometheus, without a token: /healthz (this process), /readyz (Temporal answers), /metrics. */
export function healthRoutes({ incidents, metrics }: ServerParts): FastifyPluginAsync {
  countOpenIncidents(metrics.registry, () => incidents.list({}));
  return async (app) => {
    app.get('/healthz', open, async () => ({ status: 'ok' }));
    app.get('/readyz', open, async () => {
      await incidents.reachable();
      return { status: 'ready' };
    });
    app.get('/metrics', open, async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()));
  };
}
