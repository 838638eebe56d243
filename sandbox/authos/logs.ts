import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import type { AppUser } from './app-user.js';

export const logChannels = ['laravel', 'api', 'security', 'oauth', 'performance', 'monitoring', 'webhooks', 'audit'] as const;
export type LogChannel = (typeof logChannels)[number];

export interface LogLine {
  channel: LogChannel;
  level: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';
  message: string;
  context: Record<string, unknown>;
}

/** The line as Monolog writes it for a daily channel, or as one JSON object; `at` is in the application's zone. */
export function formatLogLine({ level, message, context }: Omit<LogLine, 'channel'>, at: DateTime, format: string, environment: string): string {
  const timestamp = at.toISO({ suppressMilliseconds: true }) ?? '';
  if (format === 'json') return `${JSON.stringify({ timestamp, level, message, context })}\n`;
  return `[${timestamp}] ${environment}.${level}: ${message} ${JSON.stringify(context)}\n`;
}

/** Name of a daily channel's file on that day. */
export function logFileName(channel: string, at: DateTime): string {
  return `${channel}-${at.toISODate()}.log`;
}

/** Appends a line to the channel's file of today. False if it could not be written, as on a full disk. */
export async function writeLogLine(root: string, user: AppUser, line: LogLine, config: { timezone: string; format: string; env: string }): Promise<boolean> {
  const now = DateTime.now().setZone(config.timezone);
  const file = join(root, 'storage/logs', logFileName(line.channel, now));
  try {
    await appendFile(file, formatLogLine(line, now, config.format, config.env));
    await user.own(file);
    return true;
  } catch {
    // The application, too, goes on without its log; that the disk refuses writes shows in its health.
    return false;
  }
}
