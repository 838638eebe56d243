import type { SwaggerTransformObject } from '@fastify/swagger';

const refusal = {
  description: 'A refusal or failure: docs/api.md lists every `error`',
  content: { 'application/json': { schema: { type: 'object', properties: { error: { type: 'string' }, message: { type: 'string' } }, required: ['error', 'message'] } } },
};

/** Every route answers what goes wrong in the same shape (errors.ts), so that it is described once. */
export const withRefusals: SwaggerTransformObject = (document) => {
  if (!('openapiObject' in document)) return document.swaggerObject;
  const { openapiObject } = document;
  for (const path of Object.values(openapiObject.paths ?? {})) {
    for (const operation of Object.values(path ?? {})) {
      if (typeof operation !== 'object' || operation === null || !('responses' in operation)) continue;
      Object.assign(operation.responses as object, { '4XX': refusal, '5XX': refusal });
    }
  }
  return openapiObject;
};
