import { describe, expect, it } from 'vitest';
import { standardTimes } from '../../src/domain/times.js';
import { patrolPlan } from '../../src/setup/patrol.js';
import { host, inventory } from '../alerts/world.js';

const links = { console: 'https://responder.example.com', temporalUi: 'https://temporal.example.com', keys: [], validFor: 1 };

describe('the plan of the patrol', () => {
  it('names every host of each environment with its mounts, and is absent unless the config asks for it', () => {
    const config = { ...inventory, hosts: { 'app-1': { ...host('app-1'), mounts: ['/', '/var'] } }, times: standardTimes, links };
    expect(patrolPlan(config, [])).toBeUndefined();
    const plan = patrolPlan({ ...config, patrol: { every: 60_000 } }, ['key']);
    expect(plan).toMatchObject({ every: 60_000, minute: 60_000, publicKeys: ['key'] });
    expect(plan?.environments.flatMap(({ hosts }) => hosts)).toEqual([{ name: 'app-1', mounts: ['/', '/var'], domains: [] }]);
  });
});
