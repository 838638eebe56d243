import { oneLine, printable } from './channels/outsider-text.js';

/*
 * Marks of CommonMark and GitHub's dialect that mean something inside a line. An entity is a mark too: `&#124;` would
 * otherwise come out as a bar.
 */
const marks = /[\\`*_[\]<>|~#&$!]/g;

/** A text as one line of Markdown that shows exactly these characters: no emphasis, link, HTML, list or end of a table cell. */
export function inline(text: string): string {
  return (
    oneLine(text, 2_000)
      .replace(marks, '\\$&')
      // Bare addresses would become links that an outsider chose.
      .replace(/:(?=\/\/)/g, '\\:')
      .replace(/\b(www)\./gi, '$1\\.')
      .replace(/@/g, '\\@')
      // Only at its beginning a line can be a list, a rule or a heading's underline.
      .replace(/^([-+=])/, '\\$1')
      .replace(/^(\d+)([.)])/, '$1\\$2')
  );
}

/** A text of several lines as a code block whose fence is longer than any run of backticks in it. */
export function fence(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const mark = '`'.repeat(longest + 1);
  return `${mark}text\n${printable(text).trimEnd()}\n${mark}`;
}

/** A table; cells are Markdown of one line already. */
export function table(header: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
