/** What has been started, to be ended in the opposite order: by its owner, or as soon as a later part does not start. */
export interface Closers {
  add(close: () => Promise<unknown>): void;
  /** Ends all of it; a repeat ends only what came since. */
  close(): Promise<void>;
}

export function openClosers(): Closers {
  const closers: (() => Promise<unknown>)[] = [];
  return {
    add: (close) => void closers.push(close),
    async close() {
      for (const end of closers.splice(0).reverse()) await end();
    },
  };
}
