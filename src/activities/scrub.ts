/** What stands in for a secret. */
export const hidden = '•••';

/** Takes secrets out of texts, whole or as they stream past. */
export interface Scrub {
  /** The text with every secret replaced by `•••`. A repeat changes nothing. */
  (text: string): string;
  /** A scrub for one text that arrives in pieces, wherever these are cut. */
  stream(): ScrubStream;
}

export interface ScrubStream {
  /** Takes the next piece and gives back what is certain to hold no part of a secret, perhaps nothing yet. */
  push(text: string): string;
  /** The rest. */
  end(): string;
}

/** A secret shorter than this would blank ordinary words: `secrets` below it are refused. */
const shortestSecret = 4;

/** How much a stream holds back, so that a secret that has only half arrived is not let through. Longer than a PEM key. */
const held = 16 * 1024;
const batch = 64 * 1024;
/** A match longer than this (a key block that never ends) is let go as one `•••`, so that memory stays bounded. */
const longestMatch = 1024 * 1024;

/*
 * Well-known shapes of secrets. Names stay readable, values go; a value too many hidden costs less than one too few.
 */
const shapes: RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g,
  /(?<=\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}/gi,
  /(?<=\b(?:set-)?cookie["']?\s*[:=]\s*)[^\r\n]+/gi,
  // user:password@ in addresses; a password with @ or / in it is taken up to the last @ of the word. Bounded, or text made
  // of nothing but such beginnings would take minutes.
  /(?<=:\/\/[^\s:/@]{0,256}:)[^\s"'<>]{1,512}(?=@)/g,
  /\bbase64:[\w+/-]{32,}={0,2}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[\w-]{10,}|(?:sk|rk|whsec)_[\w]{16,})/g,
  // PASSWORD=…, "client_secret": "…", api-key: …, DB_PASSWORD='…', and the same inside escaped JSON.
  /(?<=(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|app[_-]?key|access[_-]?key(?:_id)?|private[_-]?key|authorization|credentials?)\\?["']?\s*(?:=>|[=:])\s*)(?:\\"[^"\n]*|"(?:[^"\\\n]|\\[^\n])*"?|'[^'\n]*'?|[^\s"',;&)}\]]+)/gi,
];

/**
 * Makes the scrub for known secret values, also in the forms in which they turn up in output (JSON, URL, base64), and for
 * well-known shapes of secrets. Throws a `RangeError` without the value if one is too short to be told from ordinary text.
 */
export function createScrub(secrets: readonly string[]): Scrub {
  const literals = new Set<string>();
  for (const [index, secret] of secrets.entries()) {
    if (secret.length < shortestSecret) throw new RangeError(`secret ${index + 1} is shorter than ${shortestSecret} characters`);
    for (const form of formsOf(secret)) literals.add(form);
  }
  const known = [...literals];
  const margin = Math.max(held, ...known.map((literal) => literal.length * 2));
  const scrub = (text: string): string => replaced(text, rangesIn(text, known));
  return Object.assign(scrub, { stream: () => new PiecewiseScrub(known, margin) });
}

function formsOf(secret: string): string[] {
  const password = passwordIn(secret);
  return password === undefined ? plainForms(secret) : [...plainForms(secret), ...plainForms(password)];
}

/** An address with a password in it is two secrets: drivers print the password without the rest. */
function passwordIn(secret: string): string | undefined {
  if (!URL.canParse(secret)) return undefined;
  try {
    return decodeURIComponent(new URL(secret).password) || undefined;
  } catch {
    return new URL(secret).password;
  }
}

function plainForms(secret: string): string[] {
  // A lone surrogate has no URL or UTF-8 form of its own; it arrives as U+FFFD.
  const sound = Buffer.from(secret).toString();
  const forms = [
    secret,
    sound,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(sound),
    Buffer.from(sound).toString('base64'),
  ];
  return forms.filter((form) => form.length >= shortestSecret);
}

type Range = [from: number, to: number];

/** Where secrets are, in order and merged. Overlapping ones count too, or a piece of one would be left. */
function rangesIn(text: string, known: readonly string[]): Range[] {
  const found: Range[] = [];
  for (const literal of known) {
    for (let at = text.indexOf(literal); at !== -1; at = text.indexOf(literal, at + 1)) found.push([at, at + literal.length]);
  }
  for (const shape of shapes) {
    for (const match of text.matchAll(shape)) {
      if (match[0] !== '' && match[0] !== hidden) found.push([match.index, match.index + match[0].length]);
    }
  }
  found.sort((a, b) => a[0] - b[0]);
  const merged: Range[] = [];
  for (const range of found) {
    const last = merged.at(-1);
    if (last !== undefined && range[0] < last[1]) last[1] = Math.max(last[1], range[1]);
    else merged.push([...range]);
  }
  return merged;
}

function replaced(text: string, ranges: Range[]): string {
  let result = '';
  let at = 0;
  for (const [from, to] of ranges) {
    result += text.slice(at, from) + hidden;
    at = to;
  }
  return result + text.slice(at);
}

class PiecewiseScrub implements ScrubStream {
  private pending = '';
  private readonly known: readonly string[];
  private readonly margin: number;

  constructor(known: readonly string[], margin: number) {
    this.known = known;
    this.margin = margin;
  }

  push(text: string): string {
    this.pending += text;
    if (this.pending.length < batch + this.margin) return '';
    const ranges = rangesIn(this.pending, this.known);
    let cut = this.pending.length - this.margin;
    // Cut at a line's end where there is one: `password=` and its value then stay together.
    const lineEnd = this.pending.lastIndexOf('\n', cut);
    if (lineEnd > cut - this.margin) cut = lineEnd + 1;
    const across = ranges.find(([from, to]) => from < cut && to >= cut);
    if (across !== undefined) cut = across[1] - across[0] > longestMatch ? across[1] : across[0];
    const safe = replaced(
      this.pending.slice(0, cut),
      ranges.filter(([, to]) => to <= cut),
    );
    this.pending = this.pending.slice(cut);
    return safe;
  }

  end(): string {
    const rest = replaced(this.pending, rangesIn(this.pending, this.known));
    this.pending = '';
    return rest;
  }
}
