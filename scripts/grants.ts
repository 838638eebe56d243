/** Statements for PostgreSQL by what needs them, as docs/permissions.md shows them. A test runs them and then works as that role. */
export const databaseGrants = {
  looks: [
    'grant pg_monitor to responder',
    // PostgreSQL 16 and newer, where `reserved_connections` is above 0: in when the application has taken every other slot.
    'grant pg_use_reserved_connections to responder',
  ],
  sessions: ['grant pg_signal_backend to responder'],
  settings: [
    'grant alter system on parameter max_connections to responder',
    'grant execute on function pg_reload_conf() to responder',
    'grant select on pg_file_settings to responder',
    'grant execute on function pg_show_all_file_settings() to responder',
  ],
  'failed jobs': ['grant select, delete on failed_jobs to responder', 'grant select on jobs to responder'],
  logins: ['grant select on authentication_logs to responder'],
  oauth: ['grant select on oauth_clients, oauth_access_tokens to responder', 'grant update (revoked) on oauth_access_tokens to responder'],
  webhooks: ['grant select on webhooks, webhook_deliveries to responder'],
} satisfies Record<string, string[]>;

/** Tables that not every version of Passport has; counted, and copied by a backup, where they are. */
export const optionalOauthTables = ['oauth_refresh_tokens', 'oauth_auth_codes', 'oauth_personal_access_clients', 'oauth_device_codes'];

/** One line of Redis: a key of our own is written, read and deleted, and INFO is read. */
export const redisAcl = 'ACL SETUSER responder on >PASSWORD resetkeys ~responder:probe:* resetchannels -@all +info +set +get +del +select +client|setname';
