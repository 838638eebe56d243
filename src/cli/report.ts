import type { Command } from 'commander';
import type { Connect } from './cli.js';
import { examples, incidentWords } from './help.js';

/** `responder report`: the stored record of an incident, as Markdown or JSON. */
export function addReport(program: Command, connect: Connect): void {
  program
    .command('report')
    .description('the report of an incident, as Markdown')
    .argument('<id>', incidentWords)
    .addHelpText('after', examples('report 0199a3b2-7c41 > incident.md', 'report 0199a3b2-7c41 --json'))
    .action(async (id: string, _flags: object, command: Command) => {
      const { api, out } = connect(command);
      if (out.json) return out.result(await api.reportJson(id), () => '');
      const markdown = await api.reportMarkdown(id);
      out.result(undefined, () => markdown.trimEnd());
    });
}
