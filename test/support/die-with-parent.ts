/**
 * Ends this process with the one that started it, however that went (kill -9 included): its standard input is a pipe, whose end
 * is the parent's.
 */
export function dieWithParent(): void {
  process.stdin.on('end', () => process.exit(1)).on('error', () => process.exit(1)).resume();
}
