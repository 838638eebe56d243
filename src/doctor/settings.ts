import ipaddr from 'ipaddr.js';
import type { Config } from '../config.js';
import type { Check } from '../domain/doctor.js';
import type { Modes } from '../domain/mode.js';

/** What the config allows and should not, or leaves out. */
export function examineSettings(config: Pick<Config, 'hosts' | 'channels' | 'sources' | 'encryption'>, modes: Modes | undefined): Check[] {
  const check = (subject: string, state: Check['state'], says: string, remedy?: string): Check => ({ area: 'config', subject, state, says, ...(remedy && { remedy }) });
  const changed = Object.entries({ global: modes?.global, ...modes?.runbooks }).filter(([, mode]) => mode !== undefined && mode !== 'automatic');
  return [
    Object.keys(config.sources).length > 0 ? check('sources', 'ok', `alerts are taken from ${Object.keys(config.sources).join(', ')}`) : check('sources', 'finding', 'nobody may send alerts', 'sources of the config'),
    config.channels.email || Object.entries(config.channels).some(([name, channel]) => name !== 'log' && Object.keys(channel ?? {}).length > 0) ? check('channels', 'ok', 'there is a way to people') : check('channels', 'finding', 'there is no way to people: pages go to the log alone', 'channels of the config'),
    ...(config.encryption.keys.length > 0 ? [] : [check('encryption', 'note', "Temporal's database is readable: alerts, outputs, addresses", 'encryption.keys of the config')]),
    ...Object.values(config.hosts).map(({ name, blocking }) => {
      const subject = `hosts.${name}.blocking`;
      if (!blocking) return check(subject, 'note', 'not set up: no attacker is ever blocked on this host');
      if (blocking.allow.length === 0) return check(subject, 'finding', 'the allow-list is empty: anybody might be blocked', `${subject}.allow: offices, monitoring, people, the responder`);
      const everybody = blocking.allow.filter((network) => network.includes('/') && ipaddr.parseCIDR(network)[1] === 0);
      return everybody.length > 0 ? check(subject, 'finding', `the allow-list has ${everybody.join(', ')}: nobody can be blocked`, `${subject}.allow`) : check(subject, 'ok', `never blocked: ${blocking.allow.join(', ')}`);
    }),
    ...changed.map(([scope, mode]) => check(`mode of ${scope}`, 'note', `${mode}: nothing is done by itself`, 'responder mode automatic')),
  ];
}
