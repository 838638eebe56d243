const longest = 64 * 1_024;

/** The text at a link, of 64 KB at most. Follows no redirect; throws after 5 s, for any answer but 200, and for a longer one. */
export async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
  if (response.status !== 200 || !response.body) throw new Error(`${new URL(url).host} answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > longest) throw new Error(`${new URL(url).host} answered more than ${longest} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
