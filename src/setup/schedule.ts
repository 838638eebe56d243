import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, type ScheduleOptions } from '@temporalio/client';

/** What the config may say of a schedule; whether it is paused is a person's. */
export type WantedSchedule = Required<Pick<ScheduleOptions, 'spec' | 'action' | 'policies'>> & { action: { type: 'startWorkflow' } };

/** Registers or changes a schedule as wanted; removes it if none is. A repeat is safe. Throws Temporal's own error. */
export async function registerSchedule(client: Client, scheduleId: string, wanted: WantedSchedule | undefined): Promise<'registered' | 'changed' | 'removed' | 'off'> {
  const handle = client.schedule.getHandle(scheduleId);
  if (!wanted) {
    return handle.delete().then(
      () => 'removed',
      (error: unknown) => {
        if (error instanceof ScheduleNotFoundError) return 'off';
        throw error;
      },
    );
  }
  const { spec, action, policies } = wanted;
  try {
    await client.schedule.create({ scheduleId, spec, action, policies });
    return 'registered';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  // Paused by a person it stays paused.
  await handle.update(({ state }) => ({ spec, action, policies, state }));
  return 'changed';
}
