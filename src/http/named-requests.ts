import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';

const ofIncident = /^\/api\/incidents\/([^/?]+)/;

/** A request's own logger: with the incident that its path names, by id, the beginning of one, or a workflow's. */
export function requestLogger(logger: FastifyBaseLogger, bindings: object, options: object, { url }: { url?: string }): FastifyBaseLogger {
  const [, named] = ofIncident.exec(url ?? '') ?? [];
  return logger.child({ ...bindings, ...(named !== undefined && { incidentId: decoded(named) }) }, options);
}

/** Puts the incident on each further log line of a request, its end and its failure among them. */
export function nameIncident(request: FastifyRequest, reply: FastifyReply, incidentId: string): void {
  request.log = reply.log = request.log.child({ incidentId });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
