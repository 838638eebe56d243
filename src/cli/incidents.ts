import { Option, type Command } from 'commander';
import { incidentStates } from '../domain/incident.js';
import { severities } from '../domain/severity.js';
import type { IncidentLine } from './api.js';
import type { Connect } from './cli.js';
import { localTime, relative, toMoment } from './clock.js';
import { examples } from './help.js';
import { severityWord } from './incident-words.js';
import { table, type Output } from './output.js';
import { oneLine } from './plain-text.js';
import { shortIds } from './short-id.js';
import { shortened } from './story.js';

/** `responder incidents`: what is open, the worst first. */
export function addIncidents(program: Command, connect: Connect): void {
  program
    .command('incidents')
    .alias('ls')
    .description('list incidents, the worst first')
    .addOption(new Option('--state <state>', 'only those in this state').choices(incidentStates))
    .option('--runbook <type>', 'only those of this runbook')
    .option('--all', 'closed ones too')
    .addHelpText(
      'after',
      examples('incidents', 'incidents --state watching', 'incidents --runbook diskSpaceCritical --all --json'),
    )
    .action(async (filter: { state?: string; runbook?: string; all?: boolean }, command: Command) => {
      const { api, out, now, typed } = connect(command);
      const incidents = await api.incidents(filter);
      out.result({ incidents }, () => {
        if (incidents.length === 0)
          return filter.state === undefined && filter.all !== true ? 'No open incidents.' : 'No such incidents.';
        return `${incidentTable(incidents, now(), out)}\n\n${out.ink.dim(`${typed('show ID')} tells the whole story of one.`)}`;
      });
    });
}

function incidentTable(incidents: IncidentLine[], now: number, out: Output): string {
  const short = shortIds(incidents.map((incident) => incident.id));
  const rows = [...incidents]
    .sort(worstFirst)
    .map((incident) => [
      short.get(incident.id) ?? incident.id,
      severityWord(incident.severity, out.ink),
      oneLine(incident.runbook),
      oneLine(incident.target),
      oneLine(incident.state),
      String(incident.level),
      moment(incident.openedAt, (at) => `${localTime(at, now)} (${relative(at, now)})`),
      moment(incident.nextEscalationAt, (at) => relative(at, now)),
      incident.waitingFor === '' ? '' : shortened(incident.waitingFor, 48),
    ]);
  return table(['id', 'severity', 'runbook', 'target', 'state', 'level', 'since', 'next page', 'waits for'], rows, out.ink);
}

function moment(value: IncidentLine['openedAt'], words: (at: number) => string): string {
  const at = toMoment(value);
  return at === undefined ? '–' : words(at);
}

function worstFirst(one: IncidentLine, other: IncidentLine): number {
  const rank = (incident: IncidentLine) => {
    const index = severities.findIndex((severity) => severity === incident.severity);
    return (incident.state === 'closed' ? 100 : 0) + (index === -1 ? severities.length : index);
  };
  return rank(one) - rank(other) || (toMoment(one.openedAt) ?? 0) - (toMoment(other.openedAt) ?? 0);
}
