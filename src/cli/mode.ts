import { Argument, type Command } from 'commander';
import { modes, type Mode } from '../domain/messages.js';
import type { Modes } from '../domain/mode.js';
import type { Connect } from './cli.js';
import { UsageError } from './cli-error.js';
import { examples } from './help.js';
import { table, type Ink } from './output.js';
import { oneLine } from './plain-text.js';

/** `responder mode`: shows what the automation may do, or changes it for all runbooks or one. */
export function addMode(program: Command, connect: Connect): void {
  program
    .command('mode')
    .description('show or set what the automation may do; observe-only is the kill switch and survives restarts')
    .addArgument(new Argument('[mode]', 'the new mode, or show').choices(['show', ...modes]).default('show'))
    .option('--runbook <type>', 'set it for this runbook only')
    .addHelpText('after', examples('mode', 'mode observe-only', 'mode dry-run --runbook bruteForceAttack'))
    .action(async (mode: 'show' | Mode, { runbook }: { runbook?: string }, command: Command) => {
      if (mode === 'show' && runbook !== undefined)
        throw new UsageError('--runbook needs the mode to set.', `For example: responder mode observe-only --runbook ${runbook}`);
      const { api, out } = connect(command);
      const now = mode === 'show' ? await api.modes() : await api.setMode({ scope: runbook ?? 'global', mode });
      out.result(now, () => modeTable(now, out.ink));
    });
}

function modeTable({ global, runbooks }: Modes, ink: Ink): string {
  const word = (mode: Mode) => (mode === 'automatic' ? ink.green(mode) : ink.yellow(oneLine(mode)));
  const rows = Object.entries(runbooks).map(([runbook, mode]) => [oneLine(runbook), word(mode)]);
  return table(['scope', 'mode'], [['global', word(global)], ...rows], ink);
}
