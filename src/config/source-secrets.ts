import type { ParsedSections } from './schema.js';
import type { Secret } from './secret.js';

/** Every secret by which an alert source may show who it is, with its path within the source's section. */
export function secretsOfSource({ token, basic, hmac }: ParsedSections['sources'][string]): { path: string; secret: Secret }[] {
  const at = (path: string, secrets: Secret[] = []) => secrets.map((secret) => ({ path, secret }));
  return [...at('token', token), ...at('basic.password', basic?.password), ...at('hmac.secret', hmac?.secret)];
}
