import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { channelsOf } from '../../src/workers/channels.js';
import { exampleEnv, exampleFile } from '../support/example-config.js';

it('serves every contact of the example by one channel, and makes none that the config does not have', async () => {
  const config = loadConfig({ file: exampleFile, env: exampleEnv });
  const channels = channelsOf(config);
  const contacts = Object.values(config.people).flatMap((person) => person.contacts);
  for (const contact of contacts) {
    expect(channels.filter((channel) => channel.addressOf(contact) !== undefined).map(({ name }) => name), JSON.stringify(contact)).toHaveLength(1);
  }
  expect(channelsOf({ channels: { log: {}, slackWebhooks: {}, teams: {}, webhooks: {} } })).toEqual([]);
  await Promise.all(channels.map((channel) => channel.close()));
});
