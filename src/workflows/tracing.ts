import { workflowInfo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import type { IncidentStart } from '../domain/messages.js';
import { subject } from '../domain/trace-names.js';
import { load } from './opentelemetry.cjs';

/** Header of the SDK's interceptors. */
const traceHeader = '_tracer-data';

/**
 * Traces a workflow whose start was traced, for as long as it lives, on whatever worker: by its history alone, so that a
 * setting of a worker can't make it run otherwise. Without the header nothing is loaded, wrapped or awaited. Queries are left
 * out: `watch` asks each second.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let traced: ReturnType<typeof tracer> | undefined;
  return {
    inbound: [
      {
        execute(input, next) {
          if (input.headers[traceHeader] === undefined) return next(input);
          const begun = (traced = tracer());
          return begun.inbound.execute(input, (inner) => begun.about(inner.args[0], () => next(inner)));
        },
        handleSignal: (input, next) => (traced ? traced.inbound.handleSignal(input, traced.marking(next)) : next(input)),
        handleUpdate: (input, next) => (traced ? traced.inbound.handleUpdate(input, traced.marking(next)) : next(input)),
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => (traced ? traced.outbound.scheduleActivity(input, traced.marking(next)) : next(input)),
        scheduleLocalActivity: (input, next) => (traced ? traced.outbound.scheduleLocalActivity(input, traced.marking(next)) : next(input)),
        startChildWorkflowExecution: (input, next) => (traced ? traced.outbound.startChildWorkflowExecution(input, traced.marking(next)) : next(input)),
        signalWorkflow: (input, next) => (traced ? traced.outbound.signalWorkflow(input, traced.marking(next)) : next(input)),
        continueAsNew: (input, next) => (traced ? traced.outbound.continueAsNew(input, traced.marking(next)) : next(input)),
      },
    ],
  };
};

function tracer() {
  const { OpenTelemetryInboundInterceptor, OpenTelemetryOutboundInterceptor, api } = load();
  const { context, propagation, trace } = api;
  let mine: Record<string, string> = {};
  const mark = (): void => void trace.getActiveSpan()?.setAttributes(mine);

  return {
    inbound: new OpenTelemetryInboundInterceptor(),
    outbound: new OpenTelemetryOutboundInterceptor(),
    /** Says on the span around `next` which incident it is about. */
    marking: <Input, Output>(next: (input: Input) => Output) => (input: Input): Output => {
      mark();
      return next(input);
    },
    /** Runs the workflow; what it starts is told its incident too: an incident knows it, others have been told. */
    about<Output>(argument: unknown, run: () => Output): Output {
      const baggage = propagation.getActiveBaggage() ?? propagation.createBaggage();
      const told = Object.values(subject).flatMap((name) => [[name, baggage.getEntry(name)?.value ?? '']] as const);
      mine = workflowInfo().workflowType === 'incident' ? ofIncident(argument as IncidentStart) : Object.fromEntries(told.filter(([, value]) => value !== ''));
      mark();
      const entries = Object.entries(mine).map(([name, value]) => [name, { value }] as const);
      return context.with(propagation.setBaggage(context.active(), propagation.createBaggage(Object.fromEntries(entries))), run);
    },
  };
}

function ofIncident({ id, alert }: IncidentStart): Record<string, string> {
  return { [subject.incident]: id, [subject.runbook]: alert.runbook };
}
