import { Command, Option } from 'commander';
import { addAnswers, addPeopleActions, addRunActions } from './actions.js';
import { addAlert, addOpen, addRoute } from './alert.js';
import { wholeNumber } from './arguments.js';
import { addCatalogue } from './catalogue.js';
import { connector, type Connect, type Surroundings } from './cli.js';
import { exitCodeLines } from './exit-codes.js';
import { addDoctor } from './doctor.js';
import { addIncidents } from './incidents.js';
import { addMode } from './mode.js';
import { addOnCall } from './oncall.js';
import { addReport } from './report.js';
import { addShow } from './show.js';
import { addSilence } from './silence.js';
import { addSimulate } from './simulate.js';
import { addTrial } from './trial.js';
import { addWatch } from './watch.js';

const environment = `
Environment:
  RESPONDER_URL          the server (default http://127.0.0.1:8080)
  RESPONDER_TOKEN        your own token; who you are in the record
  RESPONDER_ALERT_TOKEN  the token of the monitoring systems, for alert
  RESPONDER_CONFIG       the config, for simulate (default ./responder.yaml)
  NO_COLOR               no colours, also on a terminal`;

const firstSteps = `
Examples:
  $ responder incidents                      what is open
  $ responder show 0199a3b2-7c41             the story of one, and what to type next
  $ responder ack 0199a3b2-7c41              I am on it
  $ responder approve 0199a3b2-7c41 1.2      let an act go ahead
  $ responder watch 0199a3b2-7c41            follow it until it closes`;

/**
 * The command line: every command with its flags, arguments and help, also for the docs. Parsing runs a command, which throws
 * `CliError` or commander's `CommanderError`; `ended` hears of an exit code that is not 0 although nothing failed.
 */
export function buildProgram(surroundings: Surroundings, ended: (code: number) => void): Command {
  const program = new Command('responder');
  const { stdout, stderr } = surroundings;
  program
    .description('AuthOS Responder: what is open, who is paged, what waits for you.')
    .option('--url <url>', 'the server, instead of RESPONDER_URL')
    .option('--json', 'one JSON document on stdout, for failures too: {error, message}')
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for an answer (default: 15; doctor: 70)')
        .argParser(wholeNumber({ from: 1, to: 600, unit: 'seconds' })),
    )
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError('(--help says more)')
    .exitOverride()
    .addHelpText('after', `${environment}\n\nExit codes:\n${exitCodeLines()}\n${firstSteps}`);

  const connect = connector(surroundings, ended);
  const groups: [string, ((program: Command, connect: Connect) => void)[]][] = [
    ['Look:', [addIncidents, addShow, addWatch, addReport, addOnCall, addTrial, addDoctor, addSimulate, addCatalogue]],
    ['Answer:', [addAnswers]],
    ['Steer:', [addPeopleActions, addRunActions, addMode, addSilence]],
    ['Start:', [addOpen, addAlert, addRoute]],
  ];
  for (const [heading, additions] of groups) {
    program.commandsGroup(heading);
    for (const add of additions) add(program, connect);
  }
  return program;
}
