import { escapeHtml } from '../channels/outsider-text.js';

/** Markup that may be shown as it is. Made by `html` alone. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** A template whose every value is escaped, unless it is Html or a list of Html. */
export function html(parts: TemplateStringsArray, ...values: (string | number | Html | Html[])[]): Html {
  const texts = values.map((value) => (Array.isArray(value) ? value.join('\n') : value instanceof Html ? value.toString() : escapeHtml(String(value))));
  return new Html(String.raw({ raw: parts.raw }, ...texts));
}
