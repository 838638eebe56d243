import { type Attributes, type Context, propagation } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { subject } from '../domain/trace-names.js';

/** What may leave. All else that a span holds, such as the memo of a workflow or the words of a failure, stays. */
const told = new Set<string>([
  ...Object.values(subject),
  'http.request.method', 'http.route', 'http.response.status_code',
  // Of the SDK's interceptors.
  'temporalWorkflowId', 'run_id', 'temporalActivityId', 'temporalUpdateId', 'workflowId', 'runId', 'workflowType', 'taskQueue',
]);

/** `RateLimited`, `ECONNREFUSED`: a kind of failure, never a sentence. */
const kindOfFailure = /^\w{1,60}$/;

/**
 * Puts incident and runbook, which travel as baggage, on each span, and takes everything off that might hold text of an alert,
 * output of a command or a secret before the span goes to `next`.
 */
export function discreet(next: SpanProcessor): SpanProcessor {
  return {
    onStart(span: Span, parent: Context): void {
      const baggage = propagation.getBaggage(parent);
      for (const name of Object.values(subject)) {
        const entry = baggage?.getEntry(name);
        if (entry) span.setAttribute(name, entry.value);
      }
      next.onStart(span, parent);
    },
    onEnd: (span) => next.onEnd(reduced(span)),
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

function reduced(span: ReadableSpan): ReadableSpan {
  const kept = (attributes: Attributes): Attributes => Object.fromEntries(Object.entries(attributes).filter(([name, value]) => told.has(name) && typeof value !== 'object'));
  const failures = span.events.map(({ attributes }) => attributes?.['exception.type']).filter((type) => typeof type === 'string' && kindOfFailure.test(type));
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(span.parentSpanId !== undefined && { parentSpanId: span.parentSpanId }),
    startTime: span.startTime,
    endTime: span.endTime,
    status: { code: span.status.code },
    attributes: { ...kept(span.attributes), ...(failures[0] !== undefined && { 'error.type': failures[0] }) },
    links: [],
    events: [],
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationLibrary: span.instrumentationLibrary,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}
