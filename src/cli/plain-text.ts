import { stripVTControlCharacters } from 'node:util';

// What is left after escape sequences are gone and must not reach a terminal: C0 and C1 controls but tab and newline,
// direction overrides and invisible characters, which make a command look like another one. Written as a class of
// categories (controls, format characters, line separators, lone surrogates, private use).
const unprintable = /[^\P{C}\n\t]|[\u2028\u2029]/gu;

/** Text of an outsider, safe for a terminal: escape sequences, control and invisible characters are gone, lines stay. */
export function plainText(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\r\n?/g, '\n').replaceAll(unprintable, '');
}

/** The same on one line, so that a value can't pretend to be a line of ours. */
export function oneLine(text: string): string {
  return plainText(text).replaceAll(/\s+/g, ' ').trim();
}

/** A JSON value with every string and key in it made safe by `plainText`. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value);
  if (Array.isArray(value)) return value.map(plainValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [plainText(key), plainValue(inner)]));
}

/** A value as one word of a shell command that a person may copy: quoted unless it is plain. */
export function shellWord(value: string): string {
  const word = oneLine(value);
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
