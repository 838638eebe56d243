/** One rule of routing: alerts whose name matches go to the runbook. */
export interface RoutingRule {
  /** Compared with the label `alertname` without spaces, dashes and underscores. */
  alertname: RegExp;
  runbook: string;
  /** Who names alerts like this. */
  names: string;
}

/** Names under which monitoring systems report a runbook's trigger, in the order in which they are tried; the first match counts. */
export const routingRules: readonly RoutingRule[] = [
  { alertname: /^DiskSpaceCritical$/i, runbook: 'diskSpaceCritical', names: 'the title of the runbook' },
  { alertname: /^(?:Node|Host)?Filesystem/i, runbook: 'diskSpaceCritical', names: "node_exporter's mixin: NodeFilesystemAlmostOutOfSpace …" },
  { alertname: /Disk|Inode|Storage|WriteOperations|WritesFail/i, runbook: 'diskSpaceCritical', names: 'disk, inodes, storage and failing writes' },
  { alertname: /Postgres|Database|^Pg[A-Z]|MaxConnections|TooManyConnections|ConnectionTimeout/i, runbook: 'databaseConnectionFailures', names: "PostgreSQL's exporter, RDS, connections" },
  { alertname: /(?:^|[^p])Cache|Redis|Valkey/i, runbook: 'cacheSystemFailure', names: 'the cache and its server, but not OPcache' },
  { alertname: /OAuth|Passport|TokenGeneration/i, runbook: 'oauthSystemFailure', names: 'OAuth and its keys' },
  { alertname: /SSL|TLS|Certificate|CertExpir|HTTPS/i, runbook: 'sslCertificateExpiry', names: "blackbox_exporter's SSLCertExpiringSoon …" },
  { alertname: /Webhook/i, runbook: 'webhookDeliveryFailures', names: 'webhooks' },
  { alertname: /Queue|FailedJobs|Jobs?Fail|Horizon/i, runbook: 'failedQueueJobs', names: 'queues, their jobs and workers' },
  {
    alertname: /BruteForce|Failed(?:Login|Auth)|(?:Login|(?<!O)Auth(?!os)\w*)Fail|Suspicious(?:Login|Ip)|CredentialStuffing/i,
    runbook: 'bruteForceAttack',
    names: 'failed logins and suspicious addresses',
  },
  { alertname: /ErrorRate|HighErrors|TooManyErrors|CriticalErrors|5xx/i, runbook: 'highErrorRate', names: 'errors' },
  { alertname: /ResponseTime|Latency|SlowQuer|SlowRequests|SlowResponse/i, runbook: 'highApiResponseTimes', names: 'response times and slow queries' },
];

/** The first rule that an alert's name fits, with its number from 1; undefined if none does. */
export function ruleFor(alertname: string): { rule: RoutingRule; number: number } | undefined {
  const plain = alertname.replace(/[\s_-]+/g, '');
  const index = routingRules.findIndex((rule) => rule.alertname.test(plain));
  const rule = routingRules[index];
  return rule && { rule, number: index + 1 };
}
