/** A history in JSON with its payloads decoded: what a search for a secret must look through. */
export function plainText(history: string): string {
  return JSON.stringify(JSON.parse(history), (key, value: unknown) => (key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : value));
}
