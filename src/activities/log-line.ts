import { DateTime } from 'luxon';

/** One line of an AuthOS log, whichever format wrote it. Message and context hold whatever an outsider sent. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  at: number;
  /** Upper case, as Monolog names it: `ERROR`. */
  level: string;
  message: string;
  /** Parsed on first use: most readers drop most lines. Empty if there is none or it can't be read. */
  readonly context: Record<string, unknown>;
}

const header = /^\[([^\]]{10,40})\] [\w.-]{1,64}\.([A-Za-z]{1,12}): ?/;
const local = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?$/;
const levels: Record<string, string> = { 100: 'DEBUG', 200: 'INFO', 250: 'NOTICE', 300: 'WARNING', 400: 'ERROR', 500: 'CRITICAL', 550: 'ALERT', 600: 'EMERGENCY' };

/** Levels that count as an error, and those that count as a critical one. */
export const errorLevels: readonly string[] = ['ERROR', 'CRITICAL', 'ALERT', 'EMERGENCY'];
export const criticalLevels: readonly string[] = ['CRITICAL', 'ALERT', 'EMERGENCY'];

/**
 * Reads the times of one file's lines, in order. A time without an offset is in the application's zone; in the hour that
 * daylight saving repeats, it is the first of both that does not lie before the line above.
 */
export class LogClock {
  private readonly zone: string;
  private last: number | undefined;
  private minute = '';
  /** Offsets that this minute may have, in minutes; two in the hour that is repeated. */
  private offsets: number[] = [];

  constructor(zone: string) {
    this.zone = zone;
  }

  /** Milliseconds since the epoch, or undefined if it is no time. */
  read(text: string): number | undefined {
    const parts = local.exec(text);
    const at = parts ? this.inZone(parts) : withOffset(text);
    if (at !== undefined) this.last = at;
    return at;
  }

  private inZone([, year, month, day, hour, minute, second, fraction = '']: RegExpExecArray): number | undefined {
    const key = `${year}-${month}-${day}T${hour}:${minute}`;
    if (key !== this.minute) {
      const time = DateTime.fromISO(key, { zone: this.zone });
      if (!time.isValid) return undefined;
      this.minute = key;
      this.offsets = time.getPossibleOffsets().map(({ offset }) => offset);
    }
    const utc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, '0').slice(0, 3)));
    const candidates = this.offsets.map((offset) => utc - offset * 60_000).sort((a, b) => a - b);
    // Lines of one second may be out of order by a moment.
    const above = this.last === undefined ? Number.NEGATIVE_INFINITY : this.last - 60_000;
    return candidates.find((candidate) => candidate >= above) ?? candidates.at(-1);
  }
}

function withOffset(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined;
  const at = Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(at) ? undefined : at;
}

/** A line of Monolog's text or of JSON; undefined for what continues the line above, such as a stack trace. */
export function parseLogLine(text: string, clock: LogClock): LogLine | undefined {
  return text.startsWith('{') ? jsonLine(text, clock) : textLine(text, clock);
}

function textLine(text: string, clock: LogClock): LogLine | undefined {
  const match = header.exec(text);
  const at = match ? clock.read(match[1] ?? '') : undefined;
  if (!match || at === undefined) return undefined;
  const rest = text.slice(match[0].length);
  let split: { message: string; context: Record<string, unknown> } | undefined;
  const parsed = (): NonNullable<typeof split> => (split ??= splitContext(rest));
  return {
    at,
    level: (match[2] ?? '').toUpperCase(),
    get message() {
      return parsed().message;
    },
    get context() {
      return parsed().context;
    },
  };
}

/**
 * Message and context of a text line. The context is the last JSON object and ends the line: one before it is an outsider's, in
 * the message, and one within it has its quotes escaped. A stack trace leaves it open; then its own fields are looked for.
 */
function splitContext(rest: string): { message: string; context: Record<string, unknown> } {
  const text = rest.replace(/(?: \[\])+\s*$/, '').trimEnd();
  let from = text.length;
  for (let tries = 0; tries < 32 && from > 0; tries += 1) {
    from = text.lastIndexOf(' {', from - 1);
    if (from === -1) break;
    const context = object(text.slice(from + 1));
    if (context) return { message: text.slice(0, from), context };
  }
  const open = text.search(/ \{"(?:userId|exception)":/);
  return open === -1 ? { message: text, context: {} } : { message: text.slice(0, open), context: exceptionFields(text.slice(open)) };
}

function exceptionFields(open: string): Record<string, unknown> {
  const user = /"userId":"?([\w-]{1,64})/.exec(open)?.[1];
  const type = /"exception":"\[object\] \(([\w\\]{1,200})/.exec(open)?.[1]?.replaceAll('\\\\', '\\');
  return { ...(user === undefined ? {} : { userId: user }), ...(type === undefined ? {} : { type }) };
}

function jsonLine(text: string, clock: LogClock): LogLine | undefined {
  const whole = object(text);
  if (!whole) return cutJsonLine(text, clock);
  const at = timeOf(whole['timestamp'] ?? whole['datetime'] ?? whole['@timestamp'] ?? whole['time'], clock);
  if (at === undefined) return undefined;
  const level = whole['level_name'] ?? whole['level'];
  const { message, context } = whole;
  return {
    at,
    level: levels[String(level)] ?? String(level ?? '').toUpperCase().slice(0, 12),
    message: typeof message === 'string' ? message : '',
    context: fields(context) ?? {},
  };
}

/** A JSON line too long to be kept whole still has its time and level at its beginning, where our reader has them. */
function cutJsonLine(text: string, clock: LogClock): LogLine | undefined {
  const at = clock.read(/"(?:timestamp|datetime|@timestamp|time)"\s*:\s*"([^"]{10,40})"/.exec(text)?.[1] ?? '');
  if (at === undefined) return undefined;
  const level = /"level(?:_name)?"\s*:\s*"([A-Za-z]{1,12})"/.exec(text)?.[1] ?? '';
  return { at, level: level.toUpperCase(), message: /"message"\s*:\s*"((?:[^"\\]|\\.){0,500})/.exec(text)?.[1] ?? '', context: {} };
}

/** Monolog's older JSON has `{date, timezone}` instead of a text. */
function timeOf(value: unknown, clock: LogClock): number | undefined {
  if (typeof value === 'string') return clock.read(value);
  const { date, timezone } = fields(value) ?? {};
  return typeof date === 'string' && typeof timezone === 'string' ? new LogClock(timezone).read(date) : undefined;
}

function object(text: string): Record<string, unknown> | undefined {
  if (!text.endsWith('}')) return undefined;
  try {
    return fields(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function fields(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}
