/*
 * What a step may need on its host, found in its command of the catalogue: for docs/permissions.md, which says how each is granted,
 * and for the doctor, who looks whether it is.
 */
const rights = {
  application: /\bartisan\b|\bcomposer\b|\bgit (?:re|log)|config\('|config:cache|php (?:-i|-d)/,
  reading: /\b(?:tail|grep|du|cp|ls)\b[^;|]*(?:storage|<root>|routes|\.env)|app config routes/,
  storage: /\b(?:rm -rf|find) storage/,
  archive: /<archive>|the archive|after a backup/,
  'env file': /in \.env/,
  'key files': /oauth-\w+\.key|oauth-\*\.key|passport:keys|passport:install/,
  restart: /herd restart|a reload, queue|, restart\b/,
  services: /systemctl restart (?:postgresql|redis)/,
  workers: /supervisorctl/,
  firewall: /\bufw\b/,
  'web server': /nginx -t/,
  certbot: /\bcertbot\b/,
  'certificate files': /chain and key of <domain> on disk|cp <new chain>|the serial of the file|certificate that is on disk/,
  volume: /aws ec2/,
  'AuthOS token': /<authos>/,
  'database looks': /pg_stat|pg_isready|pg_database_size|our own connection/,
  'database sessions': /pg_terminate_backend/,
  'database settings': /ALTER SYSTEM/,
  'failed jobs': /failed_jobs|queue:(?:flush|prune|retry)|TestJob/,
  logins: /failed_authentication|Check Targeted/,
  'OAuth tables': /oauth_clients|createToken|passport:install/,
  'webhook tables': /webhook(?!s\.log)/,
  Redis: /round trip|redis-cli/,
  network: /TLS handshake|curl -I|GETs of each|POST <url/,
  processes: /\btop\b|\bps aux\b|\bfree\b|df -h|tail -f/,
  nothing: /an alert for|share of the errors/,
} satisfies Record<string, RegExp>;

export type RightName = keyof typeof rights;

/** Names of the rights that a command of the catalogue needs; none means that a rule is missing here. */
export function rightsOf(command: string): RightName[] {
  return (Object.keys(rights) as RightName[]).filter((name) => rights[name].test(command));
}
