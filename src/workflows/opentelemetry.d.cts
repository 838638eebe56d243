import type * as api from '@opentelemetry/api';
import type * as interceptors from '@temporalio/interceptors-opentelemetry/lib/workflow';

/** The SDK's interceptors for workflow code, evaluated when first called. */
export declare const load: () => typeof interceptors & { api: typeof api };
