import { type Attributes, context, propagation, ROOT_CONTEXT, type Span, SpanStatusCode, trace } from '@opentelemetry/api';

/**
 * The W3C `traceparent` of what is being done now, to be kept with work that goes on later; undefined where nothing is traced.
 * It names a trace, and nothing of its content.
 */
export function currentTraceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Does something as a part of the trace that `traceparent` names; of a new one if there is none, or if it can't be read. */
export function withTraceparent<Result>(traceparent: string | undefined, doing: () => Result): Result {
  return context.with(propagation.extract(ROOT_CONTEXT, traceparent === undefined ? {} : { traceparent }), doing);
}

/** Does something within a span. A failure marks the span, and is thrown on; the span does not tell its words. */
export function inSpan<Result>(name: string, attributes: Attributes, doing: (span: Span) => Promise<Result>): Promise<Result> {
  return trace.getTracer('authos-responder').startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await doing(span);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
