import type { AuthosApi } from './health-api.js';
import { criticalLevels, errorLevels } from './log-line.js';
import type { LogLine } from './log-line.js';

/** An error that AuthOS recorded, from its API or its logs. Its words are an outsider's. */
export interface RecordedError {
  /** ms since the epoch. */
  at: number;
  critical: boolean;
  type: string;
  message: string;
  /** `POST /api/v1/users/{id}`: ids taken out, so that errors of one endpoint count together. */
  endpoint?: string;
  user?: string;
  organisation?: string;
}

/** The most that is asked for; AuthOS keeps the last hour's. */
const askedFor = 200;

/** The errors of the last hour as AuthOS's API tells them, newest first, or why they can't be known. */
export async function recentErrors(api: AuthosApi): Promise<{ errors: RecordedError[]; complete: boolean } | { unknown: string }> {
  const path = `/api/v1/monitoring/errors/recent?limit=${askedFor}`;
  const answer = await api.get(path);
  if (answer.kind === 'unknown') return { unknown: answer.because };
  if (answer.status !== 200) return { unknown: `/api/v1/monitoring/errors/recent answered ${answer.status}` };
  if (!Array.isArray(answer.body)) return { unknown: '/api/v1/monitoring/errors/recent answered no list' };
  const errors = answer.body.flatMap((entry) => fromApi(entry) ?? []);
  // An entry without a time can't be placed before or after an act.
  if (errors.length < answer.body.length) return { unknown: `${answer.body.length - errors.length} recent errors without a time` };
  return { errors: errors.toSorted((a, b) => b.at - a.at), complete: answer.body.length < askedFor };
}

function fromApi(entry: unknown): RecordedError | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { timestamp, severity, type, message, url, method, user_id: user, organization_id: organisation } = entry as Record<string, unknown>;
  const at = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(at)) return undefined;
  const level = text(severity).toUpperCase();
  return error({ at, critical: criticalLevels.includes(level), type, message, url, method, user, organisation });
}

/** A log line as an error; undefined below ERROR. */
export function errorOfLine(line: LogLine): RecordedError | undefined {
  if (!errorLevels.includes(line.level)) return undefined;
  const { context } = line;
  return error({
    at: line.at,
    critical: criticalLevels.includes(line.level),
    type: context['type'] ?? context['exception'],
    message: line.message,
    url: context['url'],
    method: context['method'],
    user: context['user_id'] ?? context['userId'],
    organisation: context['organization_id'] ?? context['organizationId'],
  });
}

interface Parts {
  at: number;
  critical: boolean;
  type: unknown;
  message: unknown;
  url: unknown;
  method: unknown;
  user: unknown;
  organisation: unknown;
}

function error({ at, critical, type, message, url, method, user, organisation }: Parts): RecordedError {
  const endpoint = endpointOf(text(method), text(url));
  return {
    at,
    critical,
    type: text(type).slice(0, 120) || 'unknown type',
    message: text(message).slice(0, 500),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(text(user) === '' ? {} : { user: text(user).slice(0, 64) }),
    ...(text(organisation) === '' ? {} : { organisation: text(organisation).slice(0, 64) }),
  };
}

/** Method and path of a URL, without query and host, its numbers and UUIDs replaced. Shown to people, never requested. */
export function endpointOf(method: string, url: string): string | undefined {
  if (url === '') return undefined;
  const path = url.slice(0, 500).replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  const plain = path.replace(/(?<=\/)(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=\/|$)/gi, '{id}');
  return `${/^[A-Z]{3,7}$/i.test(method) ? `${method.toUpperCase()} ` : ''}${plain.startsWith('/') ? '' : '/'}${plain}`.slice(0, 160);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
