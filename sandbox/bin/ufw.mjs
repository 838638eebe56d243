import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { readHome } from './lib/home.mjs';
import { familyOf } from './lib/ufw.mjs';

/*
 * `ufw` for the sandbox's front: status, and rules of the form `deny proto tcp from ADDRESS to any port PORTS`, prepended,
 * inserted, appended and deleted. Like the real one it says ok while inactive, skips a rule that it has wherever it is, counts
 * IPv6 rules after all IPv4 rules, and refuses to insert one of them before those.
 */
const file = join(dirname(readHome().bin), 'front/ufw.json');
const state = JSON.parse(readFileSync(file, 'utf8'));
const args = process.argv.slice(2).filter((arg) => arg !== '--force');

try {
  console.log(main(args));
} catch (problem) {
  console.error(`ERROR: ${problem.message}`);
  process.exitCode = 1;
}

function main([verb, ...rest]) {
  if (verb === 'status') return status(rest[0] === 'numbered');
  if (verb === 'prepend') return add(ruleOf(rest), 'inserting', () => 0);
  if (verb === 'insert') return add(ruleOf(rest.slice(1)), 'inserting', (rule) => positionOf(Number(rest[0]), rule));
  if (verb === 'delete') return remove(ruleOf(rest));
  if (verb === 'deny' || verb === 'allow') return add(ruleOf(args), 'adding', (rule) => state[familyOf(rule.from)].length);
  throw new Error(`Invalid syntax (the sandbox's ufw knows only status, prepend, insert, deny, allow and delete, not: ${args.join(' ')})`);
}

function ruleOf(words) {
  const match = /^(deny|allow) proto (tcp|udp) from (\S+) to any port ([\d,]+)$/.exec(words.join(' '));
  if (!match) throw new Error(`Invalid syntax: ${words.join(' ')}`);
  const [, action, proto, from, ports] = match;
  if (isIP(from) === 0) throw new Error('Bad source address');
  return { action: action.toUpperCase(), from, ports, proto };
}

function positionOf(position, { from }) {
  const before = familyOf(from) === 'v6' ? state.v4.length : 0;
  const index = position - 1 - before;
  if (!(index >= 0 && index < state[familyOf(from)].length)) throw new Error(`Invalid position '${position}'`);
  return index;
}

function same(a, b) {
  return a.action === b.action && a.from === b.from && a.ports === b.ports && a.proto === b.proto;
}

function marked(text, { from }) {
  return familyOf(from) === 'v6' ? `${text} (v6)` : text;
}

function add(rule, doing, placeOf) {
  const rules = state[familyOf(rule.from)];
  if (rules.some((other) => same(other, rule))) return marked(`Skipping ${doing} existing rule`, rule);
  rules.splice(placeOf(rule), 0, rule);
  writeFileSync(file, JSON.stringify(state, null, 2));
  return marked(state.active ? (doing === 'inserting' ? 'Rule inserted' : 'Rule added') : 'Rules updated', rule);
}

function remove(rule) {
  const rules = state[familyOf(rule.from)];
  const at = rules.findIndex((other) => same(other, rule));
  if (at === -1) return marked('Could not delete non-existent rule', rule);
  rules.splice(at, 1);
  writeFileSync(file, JSON.stringify(state, null, 2));
  return marked(state.active ? 'Rule deleted' : 'Rules updated', rule);
}

function status(numbered) {
  if (!state.active) return 'Status: inactive';
  const rows = [...state.v4.map((rule) => row(rule, '', numbered)), ...state.v6.map((rule) => row(rule, ' (v6)', numbered))];
  const lines = rows.map((text, index) => (numbered ? `[${String(index + 1).padStart(2)}] ${text}` : text));
  return ['Status: active', '', `${numbered ? '     ' : ''}To                         Action      From`, `${numbered ? '     ' : ''}--                         ------      ----`, ...lines, ''].join('\n');
}

/** The family is marked where an address does not tell it, and the direction only in the numbered list. */
function row({ action, from, ports, proto }, family, numbered) {
  const mark = from === 'Anywhere' ? family : '';
  return [`${ports}/${proto}${mark}`.padEnd(26), `${action}${numbered ? ' IN' : ''}`.padEnd(11), `${from}${mark}`.padEnd(26)].join(' ');
}
