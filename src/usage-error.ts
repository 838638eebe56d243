/** The caller's mistake: a flag or a word that is none. The program says so and exits 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
