import type { ClientInterceptors } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry/lib/workflow/definitions.js';
import type { Logger } from 'pino';

/** What a process adds to its parts so that what they do is traced. */
export interface Traces {
  client: ClientInterceptors;
  activity: ActivityInterceptorsFactory[];
  sinks: InjectedSinks<OpenTelemetrySinks>;
  /** Sends what is left, for two seconds at most. */
  close(): Promise<void>;
}

/** A workflow that began traced hands its spans out wherever it goes on; here nobody wants them. */
const untraced: Traces = { client: {}, activity: [], sinks: { exporter: { export: { fn: () => undefined } } }, close: async () => undefined };

/**
 * Begins to trace this process if OTEL_EXPORTER_OTLP_ENDPOINT says where to (`wanted`); else nothing of OpenTelemetry's SDK is
 * even loaded. Once per process. Its other settings are the standard ones, read by the SDK itself.
 */
export async function openTraces(wanted: boolean, logger: Logger): Promise<Traces> {
  return wanted ? (await import('./otlp.js')).otlpTraces(logger) : untraced;
}
