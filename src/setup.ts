import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import { temporalFrom } from './config.js';
import { registerWithTemporal, SearchAttributeTaken } from './setup/temporal.js';
import { handshakeProblem } from './temporal-handshake.js';
import { UsageError } from './usage-error.js';

const help = `Usage: setup [--retention DAYS]

Registers with Temporal what AuthOS Responder needs before its first start: the namespace of TEMPORAL_NAMESPACE (default:
default), where closed incidents are kept for DAYS (default: 90), and the search attributes of incidents. What is there
stays as it is: it may run before every start. Needs no config: TEMPORAL_ADDRESS, TEMPORAL_PROFILE, TEMPORAL_TLS_* and
TEMPORAL_API_KEY say where Temporal is.

Exit code: 0 all is there · 1 Temporal can't be reached or refuses · 2 usage

  setup
  setup --retention 30`;

async function main(args: string[]): Promise<void> {
  const { help: asked, retention } = optionsFrom(args);
  if (asked) return console.log(help);
  if (!/^[1-9]\d{0,3}$/.test(retention)) throw new UsageError(`--retention ${retention} is not a number of days from 1 to 9999`);
  const { address, namespace, connection: options } = temporalFrom(process.env);
  const unreached = (why: string, cause?: unknown): Refused => new Refused(`Temporal can't be reached at ${address}: ${why}. TEMPORAL_ADDRESS or TEMPORAL_PROFILE says where it is.`, { cause });
  // First: what a certificate lacks does not come by waiting, and gRPC would not say it.
  const problem = await handshakeProblem(options());
  if (problem) throw unreached(problem);
  const connection = await Connection.connect({ ...options(), connectTimeout: 30_000 }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    throw unreached(words(error) + cause, error);
  });
  try {
    const said = await registerWithTemporal(connection, { namespace, retentionDays: Number(retention) }).catch((error: unknown) => {
      throw error instanceof SearchAttributeTaken ? error : new Refused(`Temporal at ${address} refused: ${words(error)}`, { cause: error });
    });
    for (const line of said) console.log(line);
  } finally {
    await connection.close();
  }
}

/** Temporal is not there, or does not let us. Whoever started this starts it again, or sets it right. */
class Refused extends Error {
  override readonly name = 'Refused';
}

function optionsFrom(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: { help: { type: 'boolean', short: 'h' }, retention: { type: 'string', default: '90' } } });
    return values;
  } catch (error) {
    throw new UsageError(`${words(error)} (--help says more)`, { cause: error });
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const usage = error instanceof UsageError;
  console.error(usage || error instanceof Refused || error instanceof SearchAttributeTaken ? error.message : error);
  process.exitCode = usage ? 2 : 1;
});
