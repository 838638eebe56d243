import type { LinkMaking } from '../activities/page-links.js';
import type { Channel } from '../channels/channel.js';
import { emailChannel } from '../channels/email.js';
import { opsgenieChannel } from '../channels/opsgenie.js';
import { pagerDutyChannel } from '../channels/pagerduty.js';
import { slackBotChannel } from '../channels/slack-bot.js';
import { slackWebhookChannel } from '../channels/slack-webhook.js';
import { teamsChannel } from '../channels/teams.js';
import { twilioSmsChannel, twilioVoiceChannel } from '../channels/twilio.js';
import { webhookChannel } from '../channels/webhook.js';
import type { Config, Secret } from '../config.js';
import { receiptsPath } from '../http/twilio-routes.js';
import { linkSigner } from '../links/signed-links.js';

/** The channels that the config names, for the contacts of its people. Empty without any: then pages go to the log alone. */
export function channelsOf({ channels, links }: Pick<Config, 'channels' | 'links'>): Channel[] {
  const { email, slack, slackWebhooks, teams, pagerduty, opsgenie, twilio, webhooks } = channels;
  // Twilio refuses a message whose receipts would go where it can't reach.
  const receipts = links.console.startsWith('https:') ? `${links.console}${receiptsPath}` : undefined;
  const account = twilio && { ...twilio, authToken: twilio.authToken.reveal(), receipts };
  return [
    ...(email ? [emailChannel({ server: { ...email, password: email.password?.reveal() }, from: email.from })] : []),
    ...(slack ? [slackBotChannel({ token: slack.token.reveal(), api: slack.api, buttons: slack.signingSecret !== undefined })] : []),
    ...(isEmpty(slackWebhooks) ? [] : [slackWebhookChannel({ urls: revealed(slackWebhooks, ({ url }) => url.reveal()) })]),
    ...(isEmpty(teams) ? [] : [teamsChannel({ urls: revealed(teams, ({ url }) => url.reveal()) })]),
    ...(pagerduty ? [pagerDutyChannel({ routingKeys: revealed(pagerduty.routingKeys, reveal), api: pagerduty.api })] : []),
    ...(opsgenie ? [opsgenieChannel({ apiKey: opsgenie.apiKey.reveal(), api: opsgenie.api })] : []),
    ...(account ? [twilioSmsChannel(account), twilioVoiceChannel(account)] : []),
    ...(isEmpty(webhooks) ? [] : [webhookChannel({ receivers: revealed(webhooks, ({ url, secret }) => ({ url: url.reveal(), secrets: secret.map(reveal) })) })]),
  ];
}

/** How links of pages are made; undefined without keys: then people answer by the responder command. */
export function linkMakingOf({ links }: Pick<Config, 'links'>): LinkMaking | undefined {
  const [first, ...others] = links.keys.map(reveal);
  return first === undefined ? undefined : { signer: linkSigner([first, ...others]), base: links.console, validForMs: links.validFor };
}

function reveal(secret: Secret): string {
  return secret.reveal();
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}

function revealed<From, To>(record: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
