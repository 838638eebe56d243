import { escapeHtml } from '../src/channels/outsider-text.js';
import { acknowledge, type DuePage, type LadderPolicy, type LadderState, nextPage, nextWake, openLadder, pagedNow } from '../src/domain/ladder.js';
import type { Role, Runbook } from '../src/domain/runbook.js';
import { standardTimes } from '../src/domain/times.js';

const { minute } = standardTimes;
const shownMinutes = 100;
const acknowledgedAt = 7;

/** A page as it is drawn: when, to whom, and whether that role has had one before. */
interface Dot {
  at: number;
  role: Role;
  level: string;
  isRepeat: boolean;
}

/** Lives through an incident in which nobody reacts, or somebody acknowledges once and is not heard of again. */
function pagesOf(policy: LadderPolicy, acknowledged?: number): Dot[] {
  const dots: Dot[] = [];
  let state: LadderState = openLadder(policy, 0);
  let toAcknowledge = acknowledged;
  for (let now = 0; now <= shownMinutes * minute; now = nextWake(policy, state)?.at ?? Number.POSITIVE_INFINITY) {
    if (toAcknowledge !== undefined && now >= toAcknowledge) {
      state = acknowledge(policy, state, { kind: 'person', person: 'primary', via: 'http' }, toAcknowledge);
      toAcknowledge = undefined;
      continue;
    }
    const due = nextPage(policy, state, now);
    if (!due || due.at > now) continue;
    dots.push(...dotsOf(due.page, dots));
    state = pagedNow(policy, state, due.page, now);
  }
  return dots;
}

function dotsOf({ dueAt, parts }: DuePage, before: Dot[]): Dot[] {
  return parts.flatMap(({ level: name, roles }) => {
    const level = name === 'last resort' ? '∞' : `${name}`;
    return roles.map((role): Dot => ({ at: dueAt / minute, role, level, isRepeat: before.some((dot) => dot.role === role && dot.level === level) }));
  });
}

const left = 190;
const perMinute = 7.4;
const rowHeight = 30;
const x = (at: number): number => Math.round((left + at * perMinute) * 10) / 10;

function lane(title: string, top: number, roles: Role[], dots: Dot[], acknowledged?: number): string {
  const bottom = top + 34 + roles.length * rowHeight;
  const y = (role: Role): number => top + 50 + roles.indexOf(role) * rowHeight;
  const ticks = Array.from({ length: Math.floor(shownMinutes / 15) + 1 }, (_, index) => index * 15);
  return [
    `<text class="name" x="24" y="${top + 20}">${escapeHtml(title)}</text>`,
    ...ticks.map((at) => `<path class="tick" d="M${x(at)} ${top + 34} V${bottom}"/><text class="note" x="${x(at)}" y="${bottom + 16}" text-anchor="middle">${at} min</text>`),
    ...(acknowledged === undefined ? [] : [acknowledgement(acknowledged, top + 34, bottom)]),
    ...roles.map((role) => `<text class="note" x="${left - 16}" y="${y(role) + 4}" text-anchor="end">${escapeHtml(role)}</text>`),
    ...dots.map(({ at, role, level, isRepeat }) => `<circle class="${isRepeat ? 'repeat' : 'page'}" cx="${x(at)}" cy="${y(role)}" r="9"/><text class="${isRepeat ? 'again' : 'level'}" x="${x(at)}" y="${y(role) + 4}" text-anchor="middle">${level}</text>`),
  ].join('\n  ');
}

function acknowledgement(at: number, top: number, bottom: number): string {
  const lapses = at + standardTimes.acknowledgementLapses / minute;
  return `<rect class="held" x="${x(at)}" y="${top}" width="${x(lapses) - x(at)}" height="${bottom - top}"/><path class="acknowledged" d="M${x(at)} ${top} V${bottom}"/><text class="note" x="${x(at) + 4}" y="${top + 14}">acknowledged; lapses ${lapses - at} min later</text>`;
}

/** Who is paged when, as an SVG: the ladder of one runbook by the functions that page at night. */
export function ladderPicture({ title, severity, ladder }: Pick<Runbook, 'title' | 'severity' | 'ladder'>): string {
  const policy: LadderPolicy = { severity, ladder, times: standardTimes };
  const nobody = pagesOf(policy);
  const once = pagesOf(policy, acknowledgedAt * minute);
  const roles = [...new Set([...nobody, ...once].map(({ role }) => role))];
  const laneHeight = 34 + roles.length * rowHeight + 40;
  const height = 60 + 2 * laneHeight + 36;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 ${height}" role="img" aria-labelledby="title desc" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="14">
  <title id="title">Who is paged when: ${escapeHtml(title)}, ${severity}</title>
  <desc id="desc">Two timelines of ${shownMinutes} minutes. If nobody reacts: ${inWords(nobody)}. If somebody acknowledges after ${acknowledgedAt} minutes and is not heard of again: ${inWords(once)}.</desc>
  <style>
    .name { font-weight: 600; fill: #16202b }
    .note { font-size: 12px; fill: #3b4a5a }
    .tick { stroke: #c3ccd6; stroke-width: 1 }
    .page { fill: #b3382c }
    .repeat { fill: #ffffff; stroke: #b3382c; stroke-width: 1.5 }
    .level { font-size: 11px; font-weight: 600; fill: #ffffff }
    .again { font-size: 11px; fill: #b3382c }
    .held { fill: #e6f0fb }
    .acknowledged { stroke: #2f6fb5; stroke-width: 2 }
  </style>
  <rect x="2" y="2" width="976" height="${height - 4}" rx="14" fill="#f4f6f8" stroke="#c3ccd6"/>
  <text class="name" x="24" y="34" font-size="16">${escapeHtml(title)} (${severity}), unresolved</text>
  ${lane('Nobody reacts', 50, roles, nobody)}
  ${lane(`Acknowledged after ${acknowledgedAt} min, then silence`, 50 + laneHeight, roles, once, acknowledgedAt)}
  <circle class="page" cx="34" cy="${height - 24}" r="9"/><text class="level" x="34" y="${height - 20}" text-anchor="middle">2</text><text class="note" x="50" y="${height - 20}">first page of that level</text>
  <circle class="repeat" cx="234" cy="${height - 24}" r="9"/><text class="again" x="234" y="${height - 20}" text-anchor="middle">2</text><text class="note" x="250" y="${height - 20}">a repeat, until somebody acknowledges</text>
  <text class="note" x="520" y="${height - 20}">∞ last resort: for as long as nobody does</text>
</svg>
`;
}

function inWords(dots: Dot[]): string {
  const moments = [...new Set(dots.map(({ at }) => at))];
  return moments.map((at) => `${at} min ${escapeHtml(dots.filter((dot) => dot.at === at).map(({ role }) => role).join(', '))}`).join('; ');
}
