/** The foot of a command's help: command lines that work, each without its leading `responder`. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ responder ${line}`).join('\n')}`;
}

/** How every command describes the incident that it is about. */
export const incidentWords = 'incident: its id, 6 or more characters of it, or its workflow id';
