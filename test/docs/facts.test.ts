import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { searchAttributes } from '../../src/domain/search-attributes.js';
import { statuses } from '../../src/http/errors.js';
import { exportedMetrics } from '../support/metrics.js';
import { apiServer, responder, type ApiServer } from '../cli/world.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const pages = [
  ...['README.md', 'CHANGELOG.md'],
  ...(await readdir(join(project, 'docs'), { recursive: true })).filter((file) => file.endsWith('.md')).map((file) => join('docs', file)),
];
const textOf = (page: string): Promise<string> => readFile(join(project, page), 'utf8');

/** Anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, '').replaceAll(' ', '-'));
}

describe('the docs', () => {
  it.each(pages)('%s links only to what is there', async (page) => {
    const links = [...(await textOf(page)).replace(/```[\s\S]*?```/g, '').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    for (const link of links) {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      expect(existsSync(join(project, file)), `${page} links to ${link}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(await textOf(file)), `${page} links to ${link}`).toContain(anchor);
    }
  });

  it('name every error of the API with its status', async () => {
    const text = await textOf('docs/api.md');
    for (const [code, status] of Object.entries(statuses)) {
      const row = text.split('\n').find((line) => line.startsWith('| ') && line.includes(`\`${code}\``));
      expect(row, code).toContain(String(status));
    }
  });

  it('name every metric of ours and no other', async () => {
    const named = new Set((await textOf('docs/operations.md')).match(/\bresponder_[a-z_]+/g));
    const ours = exportedMetrics().map(({ name }) => name).filter((name) => name.startsWith('responder_'));
    expect([...named].toSorted()).toEqual(ours.toSorted());
  });

  it('register every search attribute', async () => {
    const text = await textOf('docs/operations.md');
    const types: Record<string, string> = { KEYWORD: 'Keyword', INT: 'Int', DATETIME: 'Datetime' };
    for (const { name, type } of Object.values(searchAttributes)) expect(text).toContain(`--name ${name} --type ${types[type] ?? type}`);
  });
});

describe('a command line of the docs', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await apiServer();
    server.on('*', { status: 500, json: { error: 'unexpected', message: 'reached' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const typed = async (): Promise<string[]> => {
    const texts = await Promise.all(pages.map(textOf));
    const blocks = texts.flatMap((text) => [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block));
    return blocks.flatMap((block) => block.split('\n')).filter((line) => line.startsWith('responder '));
  };

  it('is one that responder takes', async () => {
    const lines = await typed();
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) {
      const words = [...line.replace(/\s+#.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
      const { stderr, exitCode } = await responder(words.slice(1), { url: server.url });
      // A doctor keeps 1 for what it finds.
      expect({ line, exitCode, reached: stderr.includes('reached') }).toEqual({ line, exitCode: words[1] === 'doctor' ? 7 : 1, reached: true });
    }
  });
});
