import { ActivityFailure, ApplicationFailure, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import type { ChannelAnswer, ChannelQuestion, DoctorChannelActivities } from '../activities/doctor-channels.js';
import type { DoctorHostActivities } from '../activities/doctor-host.js';
import type { HostAnswer } from '../domain/doctor.js';
import { queues } from './names.js';

export interface DoctorInput {
  hosts: string[];
  /** Artisan commands that runbooks call. */
  artisan: string[];
  channels: ChannelQuestion;
}

/** What a worker answered, or why there is no answer. */
export type Answered<Answer> = { answer: Answer } | { silent: string };

export interface DoctorAnswers {
  channels: Answered<ChannelAnswer>;
  hosts: { host: string; answered: Answered<HostAnswer> }[];
}

/** Asks the pages worker and those of the hosts how things look from where they are, all at once. Changes nothing. */
export async function doctor({ hosts, artisan, channels }: DoctorInput): Promise<DoctorAnswers> {
  const [paging, ...each] = await Promise.all([
    answered(asking<DoctorChannelActivities>(queues.pages).examineChannels(channels)),
    ...hosts.map(async (host) => ({ host, answered: await answered(asking<DoctorHostActivities>(queues.host(host)).examineHost({ host, artisan })) })),
  ]);
  return { channels: paging, hosts: each };
}

/** Once: a person waits for the answer, and a test page is sent once. */
function asking<Activities extends object>(taskQueue: string): Activities {
  return proxyActivities<Activities & Record<string, (...args: never[]) => Promise<unknown>>>({
    taskQueue,
    scheduleToStartTimeout: '5 seconds',
    startToCloseTimeout: '40 seconds',
    retry: { maximumAttempts: 1 },
  }) as unknown as Activities;
}

async function answered<Answer>(asked: Promise<Answer>): Promise<Answered<Answer>> {
  try {
    return { answer: await asked };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    if (cause instanceof TimeoutFailure) return { silent: cause.timeoutType === 'SCHEDULE_TO_START' ? 'no worker took the question within 5 s' : 'its worker did not answer within 40 s' };
    if (cause instanceof ApplicationFailure) return { silent: cause.message };
    throw error;
  }
}
