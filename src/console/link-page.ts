import { utcRelative } from '../channels/moment.js';
import { printable } from '../channels/outsider-text.js';
import { actorName } from '../domain/actor.js';
import type { AskRecord, IncidentView } from '../domain/incident.js';
import type { LinkGrant } from '../links/signed-links.js';
import { type Html, html } from './html.js';
import { layout } from './layout.js';

/** What a link's page shows of its incident; without a view if no worker answers at the moment. */
export interface LinkPage {
  grant: LinkGrant;
  /** The name of the link's person. */
  name: string;
  view?: IncidentView | undefined;
  ask?: AskRecord | undefined;
  /** ms since the epoch. */
  now: number;
}

const buttons = { acknowledge: 'Acknowledge', approve: 'Approve', decline: 'Decline', resolve: 'Close the incident' } as const;

/** The page that asks to confirm: opening it changes nothing, its button does. */
export function confirmPage({ grant, name, view, ask, now }: LinkPage): string {
  const { action } = grant;
  const button = action === 'acknowledge' || action === 'decline' ? html`<button>${buttons[action]}</button>` : html`<button class="risky">${buttons[action]}</button>`;
  const title = action === 'acknowledge' ? 'Acknowledge this incident?' : action === 'resolve' ? 'Close this incident unproven?' : `${buttons[action]} ${grant.ask ?? ''}?`;
  return layout(title, html`${incidentFacts(view, now)}
${ask ? askFacts(ask, now) : ''}
<form method="post">
<input type="hidden" name="confirm" value="yes">
${reasonField(action)}
${button}
</form>
<p>You act as ${name}. Nothing has happened yet.</p>`);
}

/** A page that only says something: what was done, or why nothing was. */
export function sayingPage(title: string, text: string): string {
  return layout(title, html`<p role="status">${text}</p>`);
}

function reasonField(action: LinkGrant['action']): Html {
  if (action === 'resolve') return html`<label for="reason">Why it may be closed</label><textarea id="reason" name="reason" required maxlength="2000"></textarea>`;
  if (action === 'decline') return html`<label for="reason">Why not (may be left empty)</label><textarea id="reason" name="reason" maxlength="2000"></textarea>`;
  return html``;
}

function incidentFacts(view: IncidentView | undefined, now: number): Html {
  if (!view) return html`<p>What the incident is at the moment can't be shown: no worker answers. What you confirm here is kept until one does.</p>`;
  const { incident, state, acknowledgement, found, done, nextPage } = view;
  return html`<dl>
<dt>${incident.severity}</dt><dd>${incident.title} on ${incident.target}, ${state}</dd>
<dt>Since</dt><dd>${utcRelative(incident.openedAt, now)}</dd>
${acknowledgement ? html`<dt>Acknowledged</dt><dd>until ${utcRelative(acknowledgement.lapsesAt, now)}</dd>` : html`<dt>Acknowledged</dt><dd>by nobody</dd>`}
${nextPage ? html`<dt>Next page</dt><dd>${nextPage.who}, ${utcRelative(nextPage.at, now)}</dd>` : ''}
</dl>
${list('Found so far', found)}
${list('Done so far', done)}`;
}

function list(heading: string, lines: string[]): Html {
  return lines.length === 0 ? html`` : html`<h2>${heading}</h2><ul>${lines.slice(0, 20).map((line) => html`<li>${printable(line)}</li>`)}</ul>`;
}

function askFacts(ask: AskRecord, now: number): Html {
  return html`<h2>${ask.step}: ${ask.act}</h2>
<dl>
<dt>Host</dt><dd>${ask.host}</dd>
<dt>Risk</dt><dd>${ask.risk}</dd>
${ask.needsTwoPeople ? html`<dt>Approvals</dt><dd>two people have to approve${ask.first ? `; ${actorName(ask.first.by)} has` : ''}</dd>` : ''}
<dt>Undo</dt><dd>${ask.undo || 'none'}</dd>
<dt>Until</dt><dd>${ask.expiresAt === null ? 'no time limit' : utcRelative(ask.expiresAt, now)}</dd>
</dl>
<h3>Exact command</h3>
<pre>${printable(ask.command)}</pre>
<h3>Evidence</h3>
<pre>${printable(ask.evidence)}</pre>`;
}
