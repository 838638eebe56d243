/**
 * What an outsider's text may be at most; longer text is cut, not refused. A target with the mark of an unknown one must fit a
 * search attribute, which PostgreSQL keeps in 255 characters.
 */
export const limits = { title: 300, target: 200, description: 4_000, labels: 64, labelName: 100, labelValue: 1_000 } as const;

/** Alerts in one body. More are refused: the sender would have given up long before they are accepted. */
export const alertsAtMost = 1_000;

// Control characters, and the invisible ones that reorder what is shown: they forge lines and lie about commands.
// Joiners stay: emoji and several scripts need them.
const unseen = /[\p{Cc}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/gu;

/** One line of at most `most` characters: control characters become spaces, broken surrogates a replacement character. */
export function line(text: string, most: number): string {
  return cut(text.replace(unseen, ' ').replace(/ {2,}/g, ' ').trim(), most);
}

/** Like `line`, but line breaks stay. */
export function paragraphs(text: string, most: number): string {
  const kept = text.replace(/\r\n?/g, '\n').replace(unseen, (character) => (character === '\n' ? '\n' : ' '));
  return cut(kept.trim(), most);
}

/** The labels that fit, cleaned; keys that clean to the same name keep the first. Never has a key that is special in JavaScript. */
export function cleanLabels(labels: Record<string, string>): Record<string, string> {
  const clean = new Map<string, string>();
  for (const [name, value] of Object.entries(labels)) {
    const key = line(name, limits.labelName);
    if (clean.size >= limits.labels) break;
    if (key && key !== '__proto__' && !clean.has(key)) clean.set(key, line(value, limits.labelValue));
  }
  return Object.fromEntries(clean);
}

function cut(text: string, most: number): string {
  const whole = text.replace(/\p{Cs}/gu, '\ufffd');
  if (whole.length <= most) return whole;
  const head = whole.slice(0, most - 1);
  // Not in the middle of a surrogate pair.
  return `${/[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head}…`;
}
