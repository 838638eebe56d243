import type { Command } from 'commander';
import type { Connect } from './cli.js';
import { examples, incidentWords } from './help.js';
import { incidentScreen } from './incident-screen.js';
import { shellWord } from './plain-text.js';

/** `responder show`: the whole story of one incident, and the commands to type next. */
export function addShow(program: Command, connect: Connect): void {
  program
    .command('show')
    .description('the whole story of an incident, and what to type next')
    .argument('<id>', incidentWords)
    .option('--full', 'every step and the whole timeline, not just the last lines')
    .addHelpText(
      'after',
      examples(
        'show 0199a3b2-7c41',
        'show incident/diskSpaceCritical/app-1-var --full',
        'show 0199a3b2-7c41 --json | jq .view.state',
      ),
    )
    .action(async (id: string, { full }: { full?: boolean }, command: Command) => {
      const { api, out, now, typed } = connect(command);
      const details = await api.incident(id);
      out.result(details, () =>
        incidentScreen(details, { id: shellWord(id), now: now(), ink: out.ink, full: full === true, typed }),
      );
    });
}
