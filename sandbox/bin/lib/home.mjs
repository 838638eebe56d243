import { readFileSync } from 'node:fs';

/** The sandbox this program belongs to, as `sandbox/authos/home.ts` wrote it. Exits 1 with a clear word without one. */
export function readHome() {
  const file = process.env.SANDBOX_HOME;
  if (!file) {
    console.error('SANDBOX_HOME is not set: this program acts only on a sandbox');
    process.exit(1);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Asks the sandbox itself to do something only it can, such as `application/restart`. Throws with its words on a refusal. */
export async function control(home, verb, body = {}) {
  const response = await fetch(`${home.control.url}/${verb}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${home.control.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${verb}: ${text}`);
  return text;
}
