import type { Command } from 'commander';
import type { Connect } from './cli.js';
import { examples } from './help.js';
import { severityWord } from './incident-words.js';
import { table } from './output.js';
import { oneLine } from './plain-text.js';

/** `responder runbooks`: the names that `open`, `alert` and `mode` take. */
export function addRunbooks(program: Command, connect: Connect): void {
  program
    .command('runbooks')
    .description('list the runbooks by the names that open, alert and mode take')
    .addHelpText('after', examples('runbooks', 'runbooks --json'))
    .action(async (_flags: object, command: Command) => {
      const { api, out } = connect(command);
      const runbooks = await api.runbooks();
      const row = ({ type, title, severity, target }: (typeof runbooks)[number]) => [
        oneLine(type),
        severityWord(severity ?? '', out.ink),
        oneLine(target ?? ''),
        oneLine(title),
      ];
      out.result({ runbooks }, () => table(['runbook', 'severity', 'target', 'title'], runbooks.map(row), out.ink));
    });
}
