import { InvalidArgumentError } from 'commander';

/** A parser for commander: a whole number in a range. */
export function wholeNumber({ from, to, unit }: { from: number; to: number; unit: string }): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < from || number > to)
      throw new InvalidArgumentError(`It must be a whole number of ${unit} from ${from} to ${to}.`);
    return number;
  };
}

const longest = 2_000;

/** A parser for commander: a text for the record, not empty and at most 2 000 characters. */
export function recordText(value: string): string {
  const text = value.trim();
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  if (text.length > longest) throw new InvalidArgumentError(`It has ${text.length} characters; ${longest} are the most.`);
  return text;
}

/** A parser for commander: `name=value`, gathered over repeats of the flag. */
export function label(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE.');
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
}
