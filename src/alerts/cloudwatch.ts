import { z } from 'zod';
import { withExtras } from './extra-labels.js';
import { startOf } from './fields.js';
import { AlertFormatError, parsedBody } from './format.js';
import type { AlertFormat, ParsedAlert } from './format.js';
import { snsMessage } from './sns.js';
import { limits, line, paragraphs } from './text.js';

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
const alarm = z.looseObject({
  AlarmName: z.string().min(1),
  AlarmDescription: z.string().nullish(),
  NewStateValue: z.enum(['ALARM', 'OK', 'INSUFFICIENT_DATA']),
  NewStateReason: z.string().default(''),
  StateChangeTime: z.string().optional(),
  Trigger: z
    .looseObject({
      MetricName: z.string().nullish(),
      Namespace: z.string().nullish(),
      Dimensions: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
    })
    .nullish(),
});

/**
 * Alarms of Amazon CloudWatch through SNS. The alarm's dimensions are labels under their own names (`InstanceId`, `path` …).
 * Without data an alarm fires: what can't be measured is not well. A message that ends or confirms a subscription is no alert.
 */
export const cloudwatch: AlertFormat = {
  name: 'cloudwatch',
  // SNS says text/plain for its JSON: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
  contentTypes: ['text/plain'],
  schema: snsMessage,
  parse(body) {
    const { Type: type, Message: message } = parsedBody('SNS', snsMessage, body);
    return type === 'Notification' ? [parsedAlert(parsedBody('CloudWatch', alarm, jsonOf(message)))] : [];
  },
};

function parsedAlert({ AlarmName: name, AlarmDescription: description, NewStateValue: state, NewStateReason: reason, StateChangeTime: at, Trigger: trigger, ...rest }: z.output<typeof alarm>): ParsedAlert {
  const dimensions = Object.fromEntries((trigger?.Dimensions ?? []).map((one) => [one.name, one.value]));
  const { MetricName: metric, Namespace: namespace } = trigger ?? {};
  return {
    status: state === 'OK' ? 'resolved' : 'firing',
    title: line(state === 'INSUFFICIENT_DATA' ? `No data: ${name}` : name, limits.title) || 'Alert without a name',
    description: paragraphs([description, reason].filter(Boolean).join('\n'), limits.description),
    labels: withExtras({ alertname: name, ...dimensions }, { ...rest, metric, namespace }, ['OldStateValue', 'AlarmActions', 'OKActions', 'InsufficientDataActions']),
    // `2026-01-27T20:38:45.502+0000`: RFC 3339 wants a colon in the offset.
    ...startOf(at?.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AlertFormatError('CloudWatch', [{ field: 'Message', message: 'must be JSON' }]);
  }
}
