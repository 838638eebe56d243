import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainRunbook } from '../../src/catalogue/plain.js';
import { runbookMarkdown } from '../../src/catalogue/render.js';
import { bundle } from '../../src/workers/bundle.js';
import type { Procedure } from '../../src/workflows/step.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const workflows = join(project, 'src', 'workflows');

let example: string;
let folder: string;
beforeAll(async () => {
  const page = await readFile(join(project, 'docs', 'writing-a-runbook.md'), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? '');
  expect(blocks).toHaveLength(1);
  example = blocks[0] ?? '';
  // Below the project, so that its packages are found.
  await mkdir(join(project, '.cache'), { recursive: true });
  folder = await mkdtemp(join(project, '.cache', 'example-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The compiler's words on each code as if it stood in src/workflows, in one program; nothing is written there. */
function problemsOf(...codes: string[]): string[][] {
  const files = new Map(codes.map((code, n) => [join(workflows, `example-${n}.ts`), code]));
  const { config } = ts.readConfigFile(join(project, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [...files.keys()] }, ts.sys, project);
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.getSourceFile = (path, language, ...rest) => {
    const code = files.get(path);
    return code === undefined ? getSourceFile.call(host, path, language, ...rest) : ts.createSourceFile(path, code, language);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].map((path) => {
    const source = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  });
}

/** Writes the code into a folder of its own, its imports pointing to the sources. */
async function placed(name: string, prefix: (path: string) => string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, example.replace(/from '(\.[^']*)'/g, (_, path: string) => `from '${prefix(join(workflows, path.replace(/\.js$/, '.ts')))}'`));
  return file;
}

describe('the worked example of docs/writing-a-runbook.md', () => {
  it('compiles against the sources', { timeout: 60_000 }, () => {
    const [right, wrong] = problemsOf(example, example.replace("risk: 'safe'", "risk: 'harmless'"));
    expect(right).toEqual([]);
    expect(wrong).not.toEqual([]);
  });

  it('makes a page of the catalogue with all that is decided about its acts', async () => {
    const file = await placed('disk-space-low.ts', (path) => pathToFileURL(path).href);
    const { diskSpaceLowProcedure } = (await import(/* @vite-ignore */ file)) as { diskSpaceLowProcedure: Procedure };
    const page = runbookMarkdown(plainRunbook(diskSpaceLowProcedure));
    expect(page).toContain('| 2 | 120 min | Infrastructure Team |');
    expect(page).toContain('- Risk: **destructive**, after approval');
    expect(page).toContain('By hand: Order a larger volume while there is time.');
    expect(page).toContain('Used and inodes < 75 %');
  });

  it('can be bundled as workflow code', { timeout: 60_000 }, async () => {
    const file = await placed('bundled.ts', (path) => path);
    expect(await bundle(file, true)).toContain('diskSpaceLow');
  });
});
