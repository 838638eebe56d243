import type { Command } from 'commander';
import type { PlainRunbook } from '../catalogue/plain.js';
import { runbookMarkdown } from '../catalogue/render.js';
import type { Connect } from './cli.js';
import { UsageError } from './cli-error.js';
import { examples } from './help.js';
import { severityWord } from './incident-words.js';
import { type Ink, table } from './output.js';
import { oneLine } from './plain-text.js';

/** `responder catalogue`, or `runbooks`: the names that `open`, `alert` and `mode` take, and one runbook with every step. */
export function addCatalogue(program: Command, connect: Connect): void {
  program
    .command('catalogue')
    .alias('runbooks')
    .description('list the runbooks by the names that open, alert and mode take, or show all steps of one')
    .argument('[runbook]', 'one of them: its steps with command, risk, approval and time limit')
    .addHelpText('after', examples('catalogue', 'catalogue diskSpaceCritical', 'catalogue --json'))
    .action(async (type: string | undefined, _flags: object, command: Command) => {
      const { api, out } = connect(command);
      const runbooks = await api.runbooks();
      if (type === undefined) return out.result({ runbooks }, () => list(runbooks, out.ink));
      const runbook = runbooks.find((one) => one.type === type);
      if (!runbook) throw new UsageError(`there is no runbook ${JSON.stringify(type)}.`, `There are ${runbooks.map((one) => oneLine(one.type)).join(', ')}.`);
      if (!hasSteps(runbook)) throw new UsageError('this server does not tell the steps of its runbooks.', 'It is of another version than this command.');
      out.result(runbook, () => runbookMarkdown(runbook));
    });
}

/** A runbook as a server tells it: one of another version may leave out all but its names. */
export type RunbookLine = Pick<PlainRunbook, 'type' | 'title'> & Partial<PlainRunbook>;

function hasSteps(runbook: RunbookLine): runbook is PlainRunbook {
  return [runbook.diagnose, runbook.resolve, runbook.triggers, runbook.impact, runbook.prevention, runbook.ladder?.levels].every(Array.isArray);
}

function list(runbooks: RunbookLine[], ink: Ink): string {
  const row = ({ type, title, severity, target }: RunbookLine): string[] => [oneLine(type), severityWord(severity ?? '', ink), oneLine(target ?? ''), oneLine(title)];
  return table(['runbook', 'severity', 'target', 'title'], runbooks.map(row), ink);
}
