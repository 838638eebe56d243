/** Bytes for people, in powers of 1 000: `0 B`, `1.2 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/**
 * A file name as one harmless word for people: names are whatever somebody could create, so control characters and bytes
 * that are no UTF-8 are shown as escapes (`\x0a`) and can neither break a line nor move a terminal's cursor.
 */
export function shownName(name: Buffer | string): string {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name;
  const text = bytes.toString('utf8');
  const readable = Buffer.from(text).equals(bytes) ? text : bytes.toString('latin1').replace(/[\x80-\xff]/g, escaped);
  return readable.replace(/\\/g, '\\\\').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** Text of at most `limit` bytes of UTF-8, its middle left out and said so: evidence is at most 2 KB. */
export function fitted(text: string, limit = 2000): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const mark = '\n… left out …\n';
  // Four bytes are the most that a code point takes, so this many code points fit whatever they are.
  const codePoints = [...text];
  let keep = Math.min(codePoints.length, limit);
  for (;;) {
    const head = codePoints.slice(0, Math.ceil(keep * 0.6)).join('');
    const tail = codePoints.slice(codePoints.length - Math.floor(keep * 0.4)).join('');
    const size = Buffer.byteLength(head) + Buffer.byteLength(tail) + Buffer.byteLength(mark);
    if (size <= limit) return head + mark + tail;
    keep = Math.floor(keep * Math.min(0.95, limit / size));
  }
}

/** A sentence and at most `most` rows below it, with the number of rows left out; within the 2 KB of evidence. */
export function listed(sentence: string, rows: string[], most = 20): string {
  const shown = rows.slice(0, most);
  if (rows.length > most) shown.push(`… and ${rows.length - most} more`);
  return fitted([sentence, ...shown].join('\n'));
}
