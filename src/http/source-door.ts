import type { FastifyInstance, FastifyRequest } from 'fastify';
import { snsMessage } from '../alerts/sns.js';
import type { SnsVerifier } from '../alerts/sns.js';
import type { Config } from '../config.js';
import { ApiError } from './errors.js';
import type { Signatures, Signed } from './signatures.js';
import type { Doors } from './tokens.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** How an alert source showed who it is; set while its body is read if the body is part of that. */
    signed: Signed | 'by SNS' | undefined;
  }
}

export interface SourceDoorParts {
  config: Pick<Config, 'sources'>;
  doors: Doors;
  signatures: Signatures;
  sns: SnsVerifier;
}

/** Levels of arrays and objects in a body; deeper ones are nobody's alert. */
const deepest = 32;

/**
 * Lets in who may send alerts, on every route of `app`: a token or password is checked before the body is read, a signature
 * before it is parsed. Then come the limits of the source. `contentTypes` are read as JSON besides application/json.
 */
export function guardSources(app: FastifyInstance, { config, doors, signatures, sns }: SourceDoorParts, contentTypes: string[]): void {
  const { sources } = config;
  const limiters = new Map(
    Object.entries(sources).map(([name, { requestsPerMinute }]) => [
      name,
      app.createRateLimit({ max: requestsPerMinute, timeWindow: '1 minute', keyGenerator: () => `source ${name}` }),
    ]),
  );
  const topics = Object.values(sources).flatMap(({ sns: own }) => own?.topics ?? []);

  app.addHook('preParsing', async (request) => {
    const { headers } = request;
    if (headers.authorization !== undefined) return doors.forSources(request);
    if (topics.length > 0 && headers['x-amz-sns-message-type'] !== undefined) request.signed = 'by SNS';
    else if (!signatures.isSigned(headers)) throw new ApiError('unauthorized', 'a token, a password or a signature of a source is needed');
  });

  const parseJson = app.getDefaultJsonParser('error', 'error');
  for (const type of ['application/json', ...new Set(contentTypes)]) {
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (request, body: Buffer, done) => {
      try {
        if (request.caller === '' && request.signed === undefined) recognise(request, body);
        const limit = sources[request.caller]?.bodyLimit ?? Infinity;
        if (body.length > limit) throw new ApiError('too_large', 'the body is larger than this source may send');
      } catch (error) {
        return done(error as Error);
      }
      return parseJson(request, body.toString('utf8'), done);
    });
  }

  function recognise(request: FastifyRequest, body: Buffer): void {
    request.signed = signatures.use(request.headers, body);
    if (!request.signed) throw new ApiError('unauthorized', 'the signature or its time is wrong, or it was used before');
    request.caller = request.signed.source;
  }

  app.addHook('preValidation', async (request, reply) => {
    if (isDeeperThan(request.body, deepest)) throw new ApiError('invalid', `the body is nested deeper than ${deepest} levels`);
    if (request.signed === 'by SNS') request.caller = await sourceOfTopic(request.body);
    // Nobody is let in whose signature was announced and no body came.
    const limiter = limiters.get(request.caller);
    if (!limiter) throw new ApiError('unauthorized', 'a token, a password or a signature of a source is needed');
    const limit = await limiter(request);
    if (!limit.isAllowed && limit.isExceeded) {
      void reply.header('retry-after', limit.ttlInSeconds);
      throw new ApiError('too_many_requests', 'this source has sent too many requests; try again in a minute');
    }
  });

  app.addHook('onResponse', async ({ signed }, reply) => {
    if (typeof signed === 'object' && reply.statusCode >= 400) signatures.release(signed);
  });

  async function sourceOfTopic(body: unknown): Promise<string> {
    const { success, data: message } = snsMessage.safeParse(body);
    const [name] = Object.entries(sources).find(([, source]) => success && source.sns?.topics.includes(message.TopicArn)) ?? [];
    if (!message || name === undefined || !(await sns.isGenuine(message, Date.now()))) throw new ApiError('unauthorized', 'this is no message of SNS for a topic of the config');
    if (message.Type === 'SubscriptionConfirmation' && !(await sns.confirm(message))) throw new ApiError('invalid', "SubscribeURL: is not SNS's own for this topic");
    return name;
  }
}

function isDeeperThan(body: unknown, levels: number): boolean {
  // Level by level: a recursion would be as deep as an attacker likes.
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth += 1) {
    const inner = level.filter((value): value is object => typeof value === 'object' && value !== null);
    if (depth >= levels && inner.length > 0) return true;
    level = inner.flatMap((value): unknown[] => Object.values(value));
  }
  return false;
}
