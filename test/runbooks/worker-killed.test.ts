import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runbooks } from '../../src/catalogue.js';
import { disruptiveActs } from '../support/disruptive-acts.js';

describe('disruptive acts whose worker is killed', () => {
  it('has every one of the catalogue in the table, and no other', () => {
    const known = runbooks.flatMap(({ type, resolve }) => resolve.flatMap(({ acts }) => acts).filter(({ risk }) => risk === 'disruptive').map(({ name }) => `${type}/${name}`));
    expect(Object.keys(disruptiveActs).toSorted()).toEqual(known.toSorted());
  });

  it.each(Object.entries(disruptiveActs))('%s is played in its file, or like another that is', async (id, row) => {
    if ('sameAs' in row) return expect(disruptiveActs[row.sameAs]).toHaveProperty('playedIn');
    const text = await readFile(new URL(`${row.playedIn}.test.ts`, import.meta.url), 'utf8');
    expect(text).toContain(`act: '${id.slice(id.indexOf('/') + 1)}'`);
  });
});
