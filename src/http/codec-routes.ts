import cors from '@fastify/cors';
import proto from '@temporalio/proto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { encryption, PayloadUnreadable } from '../payloads/encryption.js';
import { ApiError } from './errors.js';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

const { Payloads } = proto.temporal.api.common.v1;
const body = z.object({ payloads: z.array(z.looseObject({})).max(1_000) });

/**
 * Temporal's codec endpoint, for its UI and CLI: POST /codec/decode and /codec/encode with `{payloads}` in protobuf's JSON, for
 * people alone. Without keys in the config payloads come back as they went. https://docs.temporal.io/codec-server
 */
export function codecRoutes({ config }: ServerParts, { forPeople }: Doors): FastifyPluginAsync {
  const [first, ...older] = config.encryption.keys;
  const codec: PayloadCodec | undefined = first && encryption([first, ...older]);
  return async (app) => {
    // The UI is another origin, and asks first what it may send. Only the one of the config may.
    await app.register(cors, { origin: new URL(config.links.temporalUi).origin, methods: ['POST'], allowedHeaders: ['authorization', 'content-type', 'x-namespace'], credentials: true });
    for (const direction of ['decode', 'encode'] as const) {
      app.withTypeProvider<ZodTypeProvider>().post(`/${direction}`, { schema: { body, hide: true }, preValidation: forPeople }, async (request) => {
        const payloads = payloadsFrom(request.body);
        const answer = codec ? await codec[direction](payloads).catch(unreadable) : payloads;
        return Payloads.toObject(Payloads.create({ payloads: answer }), { bytes: String });
      });
    }
  };
}

function payloadsFrom(given: object): Payload[] {
  try {
    return Payloads.fromObject(given).payloads;
  } catch (cause) {
    throw new ApiError('invalid', 'payloads: must be payloads in the JSON of protobuf, with base64 for metadata and data', { cause });
  }
}

function unreadable(error: unknown): never {
  throw error instanceof PayloadUnreadable ? new ApiError('invalid', error.message, { cause: error }) : error;
}
