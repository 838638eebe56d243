import { CliError } from './cli-error.js';
import type { ExitName } from './exit-codes.js';
import type { Answer, Caller } from './http-client.js';
import { oneLine } from './plain-text.js';

const tokenVariable = { person: 'RESPONDER_TOKEN', monitor: 'RESPONDER_ALERT_TOKEN' } as const satisfies Record<Caller, string>;

// What the server calls its own failures, and what a person does about each.
const known: Record<string, { exit: ExitName; next: string }> = {
  unknown_incident: { exit: 'unknownIncident', next: '`responder incidents --all` lists them.' },
  ambiguous_incident: { exit: 'unknownIncident', next: 'Give more of the id.' },
  unknown_silence: { exit: 'unknownIncident', next: '`responder silence list --all` lists them.' },
  ambiguous_silence: { exit: 'unknownIncident', next: 'Give more of the id.' },
  refused: { exit: 'refused', next: '`responder show` says what the incident waits for.' },
  closed: { exit: 'refused', next: '`responder report` has the record; `responder open` starts a new incident.' },
  no_report: { exit: 'refused', next: '`responder show` has the story so far.' },
  temporal_unreachable: { exit: 'temporalUnreachable', next: 'Nothing was changed. Check the Temporal server, then repeat.' },
  no_worker: {
    exit: 'notYetApplied',
    next: 'Is an incident worker running? Start it, then look with `responder show` before repeating.',
  },
};

const byStatus: Record<number, { error: string; exit: ExitName; message: string; next: string }> = {
  400: {
    error: 'invalid',
    exit: 'usage',
    message: 'the server found the request invalid',
    next: 'See --help for what it takes.',
  },
  404: {
    error: 'not_found',
    exit: 'unexpected',
    message: 'the server has no such thing',
    next: 'Is RESPONDER_URL the responder server, of the same version?',
  },
  409: { error: 'refused', exit: 'refused', message: 'refused', next: '`responder show` says what the incident waits for.' },
  410: { error: 'closed', exit: 'refused', message: 'the incident is closed', next: '`responder report` has the record.' },
  413: { error: 'too_large', exit: 'usage', message: 'the server found the request too large', next: 'Send less at once.' },
  422: {
    error: 'invalid',
    exit: 'usage',
    message: 'the server found the request invalid',
    next: 'See --help for what it takes.',
  },
  429: {
    error: 'too_many_requests',
    exit: 'unexpected',
    message: 'the server has had too many requests',
    next: 'Try again in a minute.',
  },
  502: {
    error: 'server_unreachable',
    exit: 'serverUnreachable',
    message: 'a proxy could not reach the server',
    next: 'Is the server running?',
  },
  503: {
    error: 'server_unreachable',
    exit: 'serverUnreachable',
    message: 'the server is not available',
    next: 'Try again in a minute.',
  },
  504: {
    error: 'server_unreachable',
    exit: 'serverUnreachable',
    message: 'a proxy had no answer from the server',
    next: 'Is the server running?',
  },
};

/** The server's refusal as an error for people, with its exit code. The server's own word and sentence win over ours. */
export function failureOf(answer: Answer, as: Caller): CliError {
  const body = (answer.json ?? {}) as { error?: unknown; message?: unknown };
  const word = typeof body.error === 'string' ? oneLine(body.error) : undefined;
  const said = typeof body.message === 'string' ? oneLine(body.message) : undefined;
  if (answer.status === 401 || answer.status === 403) return notAuthorised(answer.status, as, said);

  const general = byStatus[answer.status];
  const particular = word === undefined ? undefined : known[word];
  const wait = answer.status === 429 && answer.retryAfter !== undefined ? `Try again in ${answer.retryAfter} s.` : undefined;
  return new CliError({
    // Fastify's own errors name the status in `error` ('Bad Request'): no word for scripts, ours is.
    error: particular === undefined ? (codeLike(word) ?? general?.error ?? 'unexpected') : (word ?? 'unexpected'),
    exit: particular?.exit ?? general?.exit ?? 'unexpected',
    message: said ?? general?.message ?? `the server answered ${answer.status}`,
    next: wait ?? particular?.next ?? general?.next ?? 'See the log of the server.',
  });
}

function codeLike(word: string | undefined): string | undefined {
  return word !== undefined && /^[a-z][a-z0-9_]*$/.test(word) ? word : undefined;
}

function notAuthorised(status: number, as: Caller, said: string | undefined): CliError {
  return new CliError({
    error: status === 401 ? 'unauthorized' : 'forbidden', // the server's words, spelled as HTTP spells them
    exit: 'notAuthorised',
    message: said ?? (status === 401 ? 'the server does not know this token' : 'this token may not do that'),
    next:
      status === 401
        ? `Set ${tokenVariable[as]} to a token that the server's config names.`
        : 'Ask somebody whose role in the config allows it.',
  });
}

/** For an answer of success that is not what we asked for: another program at this address, or another version. */
export function brokenShape(answer: Answer, wanted: string): CliError {
  return new CliError({
    error: 'unexpected_answer',
    exit: 'unexpected',
    message: `the server answered ${answer.status} without ${wanted}`,
    next: 'Is RESPONDER_URL the responder server, of the same version as this command?',
  });
}
