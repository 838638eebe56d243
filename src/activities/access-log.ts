import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Context } from '@temporalio/activity';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Of a larger file only the end is read: an address that is not found there is asked about, not blocked. */
const readAtMost = 512 * 1024 * 1024;

/**
 * Which of these addresses made a request of their own since a moment, by the access log and the one rotated last. Lines begin
 * with the client, as in nginx's and Apache's usual formats. Says why if neither can be read. Only reads.
 */
export async function clientsSeen(path: string, addresses: readonly string[], since: number): Promise<{ seen: Set<string> } | { unknown: string }> {
  // An IPv4 client of a dual-stack socket is logged as ::ffff:….
  const wanted = new Map(addresses.flatMap((address) => [[address, address], ...(address.includes(':') ? [] : [[`::ffff:${address}`, address]])] as [string, string][]));
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const file of [path, `${path}.1`]) {
    if (seen.size === addresses.length) break;
    try {
      await readFrom(file, since, (line) => {
        const end = line.indexOf(' ');
        const address = end > 0 && end <= 60 ? wanted.get(line.slice(0, end).toString('latin1')) : undefined;
        if (address !== undefined && !seen.has(address) && timeOf(line) >= since) seen.add(address);
        return seen.size < addresses.length;
      });
    } catch (error) {
      Context.current().cancellationSignal.throwIfAborted();
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (file === path || code !== 'ENOENT') problems.push(`${file}: ${code}`);
    }
  }
  return problems.length > 0 && seen.size < addresses.length ? { unknown: problems.join(', ') } : { seen };
}

async function readFrom(path: string, since: number, onLine: (line: Buffer) => boolean): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error('it is no file');
    const { size, mtimeMs } = found;
    if (size === 0 || mtimeMs < since - 1_000) return;
    let rest: Buffer = Buffer.alloc(0);
    const stream = file.createReadStream({ autoClose: false, start: Math.max(0, size - readAtMost), end: size - 1, highWaterMark: 1024 * 1024, signal: Context.current().cancellationSignal });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (let at = data.indexOf(10); at !== -1; at = data.indexOf(10, from)) {
        if (!onLine(data.subarray(from, at))) return;
        from = at + 1;
      }
      // What a client sends may make a line long; where it comes from is at its beginning.
      rest = Buffer.from(data.subarray(from, from + 64 * 1024));
    }
    onLine(rest);
  } finally {
    await file.close();
  }
}

/** Of `[27/Jan/2026:21:38:45 +0100]`; NaN, which is after nothing, without one. */
function timeOf(line: Buffer): number {
  const text = line.subarray(0, 300).toString('latin1');
  const parts = /\[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)\]/.exec(text);
  const month = months.indexOf(parts?.[2] ?? '') + 1;
  if (!parts || month === 0) return Number.NaN;
  return Date.parse(`${parts[3]}-${String(month).padStart(2, '0')}-${parts[1]}T${parts[4]}:${parts[5]}:${parts[6]}${parts[7]}:${parts[8]}`);
}
