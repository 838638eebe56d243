/** Things to take away again, newest first. */
export interface Cleanup {
  add(what: string, act: () => Promise<unknown>): void;
  /** Runs everything once, whatever fails; a second call waits for the first. Throws all failures together, named. */
  run(): Promise<void>;
}

export function cleanup(): Cleanup {
  const acts: { what: string; act: () => Promise<unknown> }[] = [];
  let running: Promise<void> | undefined;
  const run = async () => {
    const failures: Error[] = [];
    for (const { what, act } of acts.reverse()) {
      await act().catch((cause: unknown) => failures.push(new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })));
    }
    if (failures.length > 0) throw new AggregateError(failures, `Not everything could be taken away: ${failures.map(({ message }) => message).join('; ')}`);
  };
  return {
    add: (what, act) => void acts.push({ what, act }),
    run: () => (running ??= run()),
  };
}
