import type { Command } from 'commander';
import type { PersonAction } from '../domain/action.js';
import { recordText, wholeNumber } from './arguments.js';
import type { Cli, Connect } from './cli.js';
import { examples, incidentWords } from './help.js';
import { shellWord } from './plain-text.js';

/** A command that does something with one incident: `responder <name> <id> …`. */
function actionCommand(program: Command, name: string, description: string, lines: string[]): Command {
  return program
    .command(name)
    .description(description)
    .argument('<id>', incidentWords)
    .addHelpText('after', examples(...lines));
}

/** `ack`, `approve`, `decline`: the answers to a page and to a question. */
export function addAnswers(program: Command, connect: Connect): void {
  actionCommand(program, 'ack', 'acknowledge: stops the repeats of what was paged so far, for 30 min; levels still fall due', [
    'ack 0199a3b2-7c41',
  ])
    .alias('acknowledge')
    .action((id: string, _flags: object, command: Command) => record(connect(command), id, { kind: 'acknowledge' }));

  actionCommand(program, 'approve', 'let an act go ahead that waits for a person; counts as an acknowledgement', [
    'approve 0199a3b2-7c41 1.2',
  ])
    .argument('<ask>', 'the question, as `responder show` names it: 1.2')
    .action((id: string, ask: string, _flags: object, command: Command) =>
      record(connect(command), id, { kind: 'approve', ask }),
    );

  actionCommand(program, 'decline', 'refuse an act that waits for a person; the run goes on without it', [
    'decline 0199a3b2-7c41 1.2',
    'decline 0199a3b2-7c41 1.2 --reason "the jobs are still needed"',
  ])
    .argument('<ask>', 'the question, as `responder show` names it: 1.2')
    .option('--reason <text>', 'why, for the record', recordText)
    .action((id: string, ask: string, { reason }: { reason?: string }, command: Command) =>
      record(connect(command), id, { kind: 'decline', ask, ...given({ reason }) }),
    );
}

/** `take-over`, `escalate`, `snooze`, `note`: about people. */
export function addPeopleActions(program: Command, connect: Connect): void {
  actionCommand(program, 'take-over', 'take it from whoever has acknowledged, who is told; counts as an acknowledgement', [
    'take-over 0199a3b2-7c41 --reason "my shift has begun"',
  ])
    .requiredOption('--reason <text>', 'why; whoever had it reads it', recordText)
    .action((id: string, { reason }: { reason: string }, command: Command) => record(connect(command), id, { kind: 'take-over', reason }));

  actionCommand(program, 'escalate', 'page the next level now, or a chosen one; the levels below count as paged', [
    'escalate 0199a3b2-7c41',
    'escalate 0199a3b2-7c41 --level 3 --reason "need a decision on the rollback"',
  ])
    .option('--level <n>', 'this level instead of the next', wholeNumber({ from: 1, to: 20, unit: 'levels' }))
    .option('--reason <text>', 'why; it goes into the pages', recordText)
    .action((id: string, { level, reason }: { level?: number; reason?: string }, command: Command) =>
      record(connect(command), id, { kind: 'escalate', ...given({ level, reason }) }),
    );

  actionCommand(
    program,
    'snooze',
    'hold repeats and due levels; at most 60 min, 15 in a Critical incident, unless the config says otherwise',
    ['snooze 0199a3b2-7c41 15 --reason "volume is being extended"'],
  )
    .argument('<minutes>', 'for how long', wholeNumber({ from: 1, to: 1_440, unit: 'minutes' }))
    .requiredOption('--reason <text>', 'why, for the record', recordText)
    .action((id: string, minutes: number, { reason }: { reason: string }, command: Command) =>
      record(connect(command), id, { kind: 'snooze', minutes, reason }),
    );

  actionCommand(program, 'note', 'write a line into the record; counts as an acknowledgement', [
    'note 0199a3b2-7c41 "called the provider, ticket 4711"',
  ])
    .argument('<text...>', 'the line; several words are joined')
    .action((id: string, words: string[], _flags: object, command: Command) => {
      // Not commander's parser: it would see one word at a time.
      const text = parsedNote(words, command);
      return record(connect(command), id, { kind: 'note', text });
    });
}

/** `check`, `undo`, `stop`, `resolve`: about the run and the end. */
export function addRunActions(program: Command, connect: Connect): void {
  actionCommand(program, 'check', 'look now whether it has recovered; with --run diagnose and resolve again', [
    'check 0199a3b2-7c41',
    'check 0199a3b2-7c41 --run',
  ])
    .option('--run', 'a full run, with acts')
    .action((id: string, { run }: { run?: boolean }, command: Command) =>
      record(connect(command), id, { kind: 'check', ...given({ run }) }),
    );

  actionCommand(program, 'undo', 'take an act back', ['undo 0199a3b2-7c41 1.3'])
    .argument('<undo>', 'the undo, as `responder show` names it')
    .action((id: string, undo: string, _flags: object, command: Command) => record(connect(command), id, { kind: 'undo', undo }));

  actionCommand(program, 'stop', 'stop the run, not the incident: people are still paged', [
    'stop 0199a3b2-7c41 --reason "restoring by hand"',
  ])
    .requiredOption('--reason <text>', 'why, for the record', recordText)
    .action((id: string, { reason }: { reason: string }, command: Command) =>
      record(connect(command), id, { kind: 'stop', reason }),
    );

  actionCommand(program, 'resolve', 'close the incident without proof of recovery', [
    'resolve 0199a3b2-7c41 --reason "false alarm: planned load test"',
  ])
    .requiredOption('--reason <text>', 'why, for the record', recordText)
    .action((id: string, { reason }: { reason: string }, command: Command) =>
      record(connect(command), id, { kind: 'resolve', reason }),
    );
}

async function record({ api, out, typed, endWith }: Cli, id: string, action: PersonAction): Promise<void> {
  const answer = await api.act(id, action);
  if (answer.recorded === 'queued') endWith('notYetApplied');
  out.result(answer, () => {
    const said = answer.said === '' ? answer.recorded : answer.said;
    if (answer.recorded === 'applied') return `${out.ink.green('✓')} ${said}`;
    return `${out.ink.yellow('queued:')} ${said}\n${out.ink.green('→')} ${typed(`show ${shellWord(id)}`)}`;
  });
}

function parsedNote(words: string[], command: Command): string {
  try {
    return recordText(words.join(' '));
  } catch (error) {
    command.error(`error: the note is invalid. ${error instanceof Error ? error.message : String(error)}`);
  }
}

// Fields that were not given are left out, not sent as undefined.
function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}
