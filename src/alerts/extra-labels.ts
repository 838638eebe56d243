import { cleanLabels, limits } from './text.js';

const deepest = 4;

/**
 * Labels of everything that a source says besides what we know: scalars under dotted names, such as `monitor.hostname`. `known`
 * names of the first level are left out. Labels that are `given` come first and win.
 */
export function withExtras(given: Record<string, string>, body: object, known: readonly string[]): Record<string, string> {
  const found: [string, string][] = Object.entries(given);
  for (const [name, value] of Object.entries(body)) if (!known.includes(name)) collect(name, value, 1, found);
  return cleanLabels(Object.fromEntries(firstOfEach(found)));
}

/** The scalars of a value, as labels under dotted names. */
function collect(name: string, value: unknown, depth: number, found: [string, string][]): void {
  // More can't be kept, and a body of a million fields must not cost their names.
  if (found.length >= limits.labels) return;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    if (value !== '') found.push([name, String(value)]);
  } else if (typeof value === 'object' && value !== null && depth < deepest) {
    for (const [key, inner] of Object.entries(value)) collect(`${name}.${key}`, inner, depth + 1, found);
  }
}

function firstOfEach(entries: [string, string][]): Map<string, string> {
  const first = new Map<string, string>();
  for (const [name, value] of entries) if (!first.has(name)) first.set(name, value);
  return first;
}
