/** The value that `share` (0–1) of the values do not exceed; NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** `p50 41 ms, p95 63 ms`. */
export function spread(values: readonly number[]): string {
  return `p50 ${percentile(values, 0.5).toFixed(0)} ms, p95 ${percentile(values, 0.95).toFixed(0)} ms`;
}

/** What has to hold: each is printed as it is measured, and all of them again at the end. */
export function openBars() {
  const all: { measured: string; wanted: string; held: boolean }[] = [];
  const line = ({ measured, wanted, held }: (typeof all)[number]): string => `  ${held ? 'held    ' : 'NOT HELD'}  ${measured} (bar: ${wanted})`;
  return {
    bar(measured: string, held: boolean, wanted: string): void {
      all.push({ measured, wanted, held });
      console.log(line({ measured, wanted, held }));
    },
    /** Prints all; the exit code, 1 if one was missed. */
    conclude(): number {
      console.log('Bars');
      for (const one of all) console.log(line(one));
      return all.every(({ held }) => held) ? 0 : 1;
    },
  };
}
export type Bars = ReturnType<typeof openBars>;
