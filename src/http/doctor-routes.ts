import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ServerParts } from './parts.js';
import type { Doors } from './tokens.js';

const options = z.strictObject({ sendTest: z.boolean().default(false) });

/** POST /api/doctor: looks whether everything is ready for a night, which takes up to a minute. With the token of a person. */
export function doctorRoutes({ doctor, logger }: Pick<ServerParts, 'doctor' | 'logger'>, doors: Doors): FastifyPluginAsyncZod {
  return async (app) => {
    app.addHook('preParsing', doors.forPeople);
    app.post('/doctor', { schema: { tags: ['mode'], body: options } }, async (request) => {
      const { sendTest } = request.body;
      const examination = await doctor.examine({ sendTest });
      logger.info({ person: request.caller, sendTest, green: examination.green }, 'doctor');
      return examination;
    });
  };
}
