import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { linkReader } from '../../src/links/signed-links.js';
import { channelsOf, linkMakingOf } from '../../src/workers/channels.js';
import { exampleEnv, exampleFile } from '../support/example-config.js';

const example = () => loadConfig({ file: exampleFile, env: exampleEnv });

it('serves every contact of the example by one channel, and makes none that the config does not have', async () => {
  const config = example();
  const channels = channelsOf(config);
  const contacts = Object.values(config.people).flatMap((person) => person.contacts);
  for (const contact of contacts) {
    expect(channels.filter((channel) => channel.addressOf(contact) !== undefined).map(({ name }) => name), JSON.stringify(contact)).toHaveLength(1);
  }
  expect(channelsOf({ ...config, channels: { log: {}, slackWebhooks: {}, teams: {}, webhooks: {} } })).toEqual([]);
  await Promise.all(channels.map((channel) => channel.close()));
});

it('makes links that the server of the same config reads, and none without keys', async () => {
  const { links } = example();
  const making = linkMakingOf({ links });
  expect(making).toMatchObject({ base: 'https://responder.example.com', validForMs: 86_400_000 });
  const grant = { incident: 'i', person: 'alice', action: 'acknowledge' as const };
  const token = (await making?.signer.sign(grant, Date.now() + 1_000)) ?? '';
  expect(await linkReader(links.keys.map((key) => key.reveal())).read(token, Date.now())).toEqual(grant);
  expect(linkMakingOf({ links: { ...links, keys: [] } })).toBeUndefined();
});
