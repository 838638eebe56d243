import { RE2JS } from 're2js';
import { isActive, type Matcher, type Silence } from '../domain/silence.js';
import type { RoutedAlert } from './routing.js';

/** What the server needs of a silence to hold alerts by it. */
export type Silencer = Pick<Silence, 'id' | 'matchers' | 'startsAt' | 'endsAt'>;

/**
 * Labels that matchers see: the alert's, and over them what we know better: `runbook`, `target` and `environment` of our own
 * inventory, and `host` if the alert has none.
 */
export function labelsOf({ alert, place }: Pick<RoutedAlert, 'alert' | 'place'>): Record<string, string> {
  return { host: place.host, ...alert.labels, runbook: alert.runbook, target: alert.target, environment: place.environment };
}

/** The first active silence that the labels fit. */
export function silenceFor(silences: readonly Silencer[], labels: Record<string, string>, now: number): Silencer | undefined {
  return silences.find((silence) => isActive(silence, now) && silence.matchers.every((matcher) => matches(matcher, labels)));
}

/** RE2 needs time that only grows with the text: a pattern can't hold up the intake. Throws for a pattern that is none. */
function matches({ name, operator, value }: Matcher, labels: Record<string, string>): boolean {
  const given = Object.hasOwn(labels, name) ? (labels[name] ?? '') : '';
  switch (operator) {
    case '=':
      return given === value;
    case '!=':
      return given !== value;
    case '=~':
      return RE2JS.compile(value).matches(given);
    case '!~':
      return !RE2JS.compile(value).matches(given);
  }
}

/** Reads `name=value`, `name!=value`, `name=~pattern` or `name!~pattern`, the value in quotes or not. Throws an Error in words. */
export function readMatcher(text: string): Matcher {
  const [, name, operator, rest = ''] = /^\s*([A-Za-z_][\w.-]{0,99})\s*(=~|!~|!=|=)\s*([^]*?)\s*$/.exec(text) ?? [];
  if (name === undefined) throw new Error('a matcher is name=value, name!=value, name=~pattern or name!~pattern');
  const value = /^"([^]*)"$/.exec(rest)?.[1] ?? rest;
  const matcher: Matcher = { name, operator: operator as Matcher['operator'], value };
  try {
    matches(matcher, {});
  } catch {
    throw new Error(`the pattern of ${name} is none (RE2, as in Prometheus: no look-ahead, no back-reference)`);
  }
  return matcher;
}

/** As Alertmanager has it: a silence all of whose matchers fit an alert without labels would fit nearly every alert. */
export function fitsEverything(matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => matches(matcher, {}));
}
