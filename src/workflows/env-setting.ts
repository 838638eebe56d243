import type { EnvSetting } from '../activities/env-file.js';
import type { Place } from '../domain/place.js';
import type { ActResult } from '../domain/step.js';
import type { On } from './step.js';

/**
 * For the look after a death: 'done' if the file has the value and the application runs with it. A worker that died between the
 * two leaves a change that would come into force when nobody expects it: then the act is done again.
 */
export async function settingIsInForce(on: On, place: Place, key: EnvSetting, value: string): Promise<ActResult | undefined> {
  const { file, running } = await on.readEnv({ place, key });
  return file === value && running === value ? { outcome: 'done', evidence: `${key}=${value} in .env, and the application runs with it` } : undefined;
}
