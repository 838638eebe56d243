/** The file that shows every setting. */
export const exampleFile = new URL('../../responder.example.yaml', import.meta.url).pathname;

/** Values for every secret that it refers to. */
export const exampleEnv = {
  AUTHOS_TOKEN: 'authos-token-0123456789',
  AUTHOS_DATABASE_URL: 'postgresql://responder:hunter2@db-1:5432/authos',
  AUTHOS_REDIS_URL: 'redis://:hunter2@redis-1:6379/1',
  ALERTMANAGER_TOKEN: 'alertmanager-0123456789',
  MONITORING_TOKEN: 'monitoring-0123456789',
  ALICE_TOKEN: 'alice-0123456789abcdef',
  BOB_TOKEN: 'bob-0123456789abcdef',
  SMTP_PASSWORD: 'smtp-hunter2',
  SLACK_BOT_TOKEN: 'xoxb-hunter2',
  SLACK_SIGNING_SECRET: 'hunter2-signing-secret',
  SLACK_OPS_WEBHOOK: 'https://hooks.slack.com/services/T0/B0/hunter2',
  TEAMS_OPS_WEBHOOK: 'https://example.api.powerplatform.com/workflows/1?sig=hunter2',
  PAGERDUTY_ONCALL_KEY: 'hunter2-hunter2-hunter2-hunter2-',
  OPSGENIE_KEY: 'hunter2-opsgenie',
  RESPONDER_LINK_KEY: 'e5'.repeat(32),
  TWILIO_AUTH_TOKEN: 'hunter2-twilio',
  BRIDGE_URL: 'https://bridge.example.com/hunter2',
  BRIDGE_SECRET: `whsec_${Buffer.alloc(32, 'hunter2').toString('base64')}`,
};
