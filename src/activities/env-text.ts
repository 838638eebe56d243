/** One setting in a `.env`: its value as it stands in the file, quotes and all. */
interface Found {
  /** Offsets of the value in the text. */
  from: number;
  to: number;
  /** Offsets of its whole line, with the line break. */
  line: number;
  lineEnd: number;
}

/**
 * The value of a key as it stands in a `.env`, quotes and all; null if it is not set. Of equal keys the last one counts, as for
 * Laravel. `text` is the file in latin1, so that every byte survives.
 */
export function envValue(text: string, key: string): string | null {
  const found = find(text, key);
  return found === undefined ? null : text.slice(found.from, found.to);
}

/** The same text with this one key set to `value`, or taken out for null. Everything else stays byte for byte. */
export function withEnvValue(text: string, key: string, value: string | null): string {
  const found = find(text, key);
  if (found !== undefined) {
    return value === null ? text.slice(0, found.line) + text.slice(found.lineEnd) : text.slice(0, found.from) + value + text.slice(found.to);
  }
  if (value === null) return text;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return `${text}${text === '' || text.endsWith('\n') ? '' : newline}${key}=${value}${newline}`;
}

/** A value without its quotes. */
export function unquoted(value: string): string {
  return /^(["'])([\s\S]*)\1$/.exec(value)?.[2] ?? value;
}

function find(text: string, key: string): Found | undefined {
  let found: Found | undefined;
  for (let at = 0; at < text.length; ) {
    const lineEnd = endOf(text, at);
    const match = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*/.exec(text.slice(at, lineEnd));
    if (match === null) {
      at = lineEnd;
      continue;
    }
    const from = at + match[0].length;
    const to = endOfValue(text, from, lineEnd);
    const end = to > lineEnd ? endOf(text, to) : lineEnd;
    if (match[1] === key) found = { from, to, line: at, lineEnd: end };
    at = end;
  }
  return found;
}

/** After the line break, or the end of the text. */
function endOf(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  return at === -1 ? text.length : at + 1;
}

/** A quoted value may go over several lines, with what looks like settings in it; a plain one ends at a comment, which needs no blank before it, or with the line. */
function endOfValue(text: string, from: number, lineEnd: number): number {
  const quote = text[from];
  if (quote === '"' || quote === "'") {
    for (let at = from + 1; at < text.length; at += 1) {
      if (quote === '"' && text[at] === '\\') at += 1;
      else if (text[at] === quote) return at + 1;
    }
  }
  return from + (/^[^#\r\n]*/.exec(text.slice(from, lineEnd))?.[0].trimEnd().length ?? 0);
}
