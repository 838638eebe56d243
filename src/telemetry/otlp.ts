import { setTimeout as pause } from 'node:timers/promises';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { envDetectorSync, Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { OpenTelemetryActivityInboundInterceptor } from '@temporalio/interceptors-opentelemetry/lib/worker/index.js';
import { makeWorkflowExporter, OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry';
import type { Logger } from 'pino';
import { discreet } from './discreet-processor.js';
import type { Traces } from './traces.js';

/** A collector that is away must not keep a process from ending. */
const closeWithinMs = 2_000;

/** Traces of this process, by OTLP over HTTP. Makes itself the provider of @opentelemetry/api for the whole process. */
export function otlpTraces(logger: Logger): Traces {
  const complain = (message: string): void => logger.warn({ why: firstLine(message) }, 'traces could not be sent');
  const ignore = (): void => undefined;
  diag.setLogger({ error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);
  const resource = new Resource({ 'service.name': 'authos-responder' }).merge(envDetectorSync.detect());
  const processor = discreet(new BatchSpanProcessor(new OTLPTraceExporter()));
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  return {
    client: { workflow: [new OpenTelemetryWorkflowClientInterceptor()] },
    activity: [(context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context) })],
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
    close: () => Promise.race([provider.shutdown().catch((error: unknown) => complain(String(error))), pause(closeWithinMs, undefined, { ref: false })]),
  };
}

/** What failed: the rest is a stack. */
function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
