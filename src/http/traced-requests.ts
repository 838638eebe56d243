import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Asked every few seconds, and by nobody who reads traces. */
const untold = ['/healthz', '/readyz', '/metrics'];

/**
 * A span for each request, as a part of the caller's trace if it sends a `traceparent`. It says method, route and status: an
 * address may hold a link's token. Does nothing in a process that is not traced.
 */
export function traceRequests(app: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  const tracer = trace.getTracer('authos-responder');

  app.addHook('onRequest', async (request) => {
    const route = request.routeOptions.url ?? 'none';
    if (untold.includes(route)) return;
    const { traceparent } = request.headers;
    // The caller's baggage is left out: it would speak of incidents in our name.
    const caller = propagation.extract(ROOT_CONTEXT, typeof traceparent === 'string' ? { traceparent } : {});
    const attributes = { 'http.request.method': request.method, 'http.route': route };
    spans.set(request, tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, caller));
  });
  // Here, and not where the span begins: what runs after a body was read has lost the context from before it.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (!span) return done();
    context.with(trace.setSpan(context.active(), span), done);
  });
  app.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
  });
}
