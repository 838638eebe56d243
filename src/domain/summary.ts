/** Temporal takes 400 bytes of a summary and refuses more; JSON and encryption have their share of them. */
const bytesAtMost = 240;
const utf8 = new TextEncoder();

/** A workflow's summary, cut to what Temporal takes: one that is refused would keep an incident or a run from starting. */
export function summaryOf(text: string): string {
  let [kept, bytes] = ['', 0];
  for (const character of text) {
    bytes += utf8.encode(JSON.stringify(character)).length - 2;
    if (bytes > bytesAtMost) return `${kept}…`;
    kept += character;
  }
  return text;
}
