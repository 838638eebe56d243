/*
 * Words of alerts and logs, made fit to show. \p{C} holds control characters, the invisible ones that reverse or hide
 * text, and halves of surrogate pairs; \p{Zl} and \p{Zp} are line ends that are not \n.
 */
const invisible = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text as one line of at most `atMost` characters, without control or direction characters: it can't forge a second line. */
export function oneLine(text: string, atMost = 300): string {
  const line = text.replace(invisible, ' ').replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= atMost ? line : `${characters.slice(0, atMost - 1).join('').trimEnd()}…`;
}

/** The text with its lines kept and every other invisible character shown as `\u{…}`, so that what is read is what is there. */
export function printable(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(/[^\n]/gu, (character) =>
      character !== '\t' && /[\p{C}\p{Zl}\p{Zp}]/u.test(character) ? `\\u{${character.codePointAt(0)?.toString(16)}}` : character,
    );
}

/** The text with the five characters that HTML reads escaped; fit for an element's content and a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
