// Preloaded into a server whose heap is measured (node --expose-gc): what is left after SIGUSR2 is what it keeps.
process.on('SIGUSR2', () => globalThis.gc());
