import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AlertFormatError } from '../alerts/format.js';

/** Every refusal that a client can tell apart, with its status. docs/api.md lists them. */
export const statuses = {
  invalid: 400,
  malformed_json: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  unknown_incident: 404,
  unknown_silence: 404,
  no_report: 404,
  refused: 409,
  ambiguous_incident: 409,
  ambiguous_silence: 409,
  closed: 410,
  too_large: 413,
  unsupported_media_type: 415,
  too_many_requests: 429,
  unexpected: 500,
  temporal_unreachable: 503,
  spool_full: 503,
  spool_unwritable: 503,
  no_worker: 504,
} as const;

export type ErrorCode = keyof typeof statuses;

/** A refusal in words for the client. The message must not hold a secret or what an outsider sent. */
export class ApiError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.code = code;
  }
}

/** Seconds after which a client should try again what could not be done now. */
const retryAfter = 5;

/** Answers any error as `{error, message}`. What is not ours is logged and told only as 'unexpected'. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, count: (code: ErrorCode) => void): FastifyReply {
  const { code, message } = inWords(error);
  count(code);
  const status = statuses[code];
  if (status >= 500) request.log.error({ err: error }, code);
  else request.log.info({ code, reason: message }, 'refused');
  if (status === 503) void reply.header('retry-after', retryAfter);
  if (code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  return reply.code(status).send({ error: code, message });
}

function inWords(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  if (error instanceof AlertFormatError) return { code: 'invalid', message: error.message };
  if (hasZodFastifySchemaValidationErrors(error)) {
    const fields = error.validation.map(
      ({ instancePath, message }) => `${instancePath.slice(1).replaceAll('/', '.') || 'the request'}: ${message ?? 'is invalid'}`,
    );
    return { code: 'invalid', message: fields.slice(0, 10).join('; ') };
  }
  const { code, statusCode } = (error instanceof Error ? error : {}) as Partial<FastifyError>;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { code: 'too_large', message: 'the body is larger than this server takes' };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return { code: 'unsupported_media_type', message: 'the body must be application/json' };
  if (statusCode === 429)
    return { code: 'too_many_requests', message: 'too many requests from this address; try again in a minute' };
  // The parser's own message quotes the body.
  if (statusCode === 400) return { code: 'malformed_json', message: 'the body is not JSON' };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { code: 'invalid', message: 'the request is not valid HTTP for this server' };
  return { code: 'unexpected', message: 'the server failed; its log says why' };
}
