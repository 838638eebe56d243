import fc from 'fast-check';
import { marked } from 'marked';
import type { Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import type { IncidentView } from '../src/domain/incident.js';
import { inline } from '../src/report-markdown.js';
import { renderReport } from '../src/report.js';
import { alice, at, delivery, incidentView, ladder } from './support/incident-view.js';

function tableUnder(report: string, heading: string): { header: string[]; rows: string[][] } {
  const tokens = marked.lexer(report);
  const start = tokens.findIndex((token) => token.type === 'heading' && token.text === heading);
  const table = tokens.slice(start).find((token) => token.type === 'table') as Tokens.Table;
  return { header: table.header.map(({ text }) => text), rows: table.rows.map((row) => row.map(({ text }) => text)) };
}

describe('the report', () => {
  it('tells headline and times first', () => {
    const report = renderReport(incidentView());
    expect(report.slice(0, report.indexOf('## Found'))).toMatchInlineSnapshot(`
      "# Disk Space Critical on app-1:/var (Critical)

      - Closed 2026-03-01 14:47:00 UTC: recovered (held for 10 min)
      - Opened 2026-03-01 14:05:00 UTC, 2 alerts, the last one resolved
      - Time to acknowledge: 7 min
      - Time to resolve: 42 min
      - Highest level paged: 2. Mode: automatic
      - The alert said: Disk 93 % full
      - Incident 0190f3c0-0000-7000-8000-000000000001, workflow incident/diskSpaceCritical/app-1-var
      - <http://127.0.0.1:8080/incidents/1>

      ## Left for a person

      - Look at the unknown outcome of Grow

      "
    `);
  });

  it('has every step with its outcome, evidence, approver and undo', () => {
    const report = renderReport(incidentView());
    const run = report.slice(report.indexOf('## Run 1'), report.indexOf('## Questions'));
    expect(run).toMatchInlineSnapshot(`
      "## Run 1: recovered after 30 min

      used 71 %

      ### Diagnose: Check Disk Usage

      **df** (observe): **done**, 2026-03-01 14:05:00 UTC, took 0 s

      \`\`\`text
      /var 93 %
      / 40 %
      \`\`\`

      ### Resolve: Clean Failed Jobs

      **Flush failed jobs** (destructive): **done**, 2026-03-01 14:16:00 UTC, took 1 min, approved by alice, undo none, whole output in flush.txt

      \`\`\`text
      412 gone
      \`\`\`

      **Prune failed jobs** (destructive): **skipped, expired**, 2026-03-01 14:18:00 UTC, took 10 min

      \`\`\`text
      nobody answered in 10 min
      \`\`\`

      **Archive** (destructive): **failed**, 2026-03-01 14:29:00 UTC, took 0 s

      \`\`\`text
      exit 1: no space
      \`\`\`

      **Grow** (destructive): **unknown**, 2026-03-01 14:30:00 UTC, took 0 s

      \`\`\`text
      the worker died
      \`\`\`

      Proof after it: used 71 %

      "
    `);
  });

  it('shows each page with due, sent, accepted, and the answer that followed it', () => {
    const pages = [delivery(), delivery({ person: 'bob', acceptedAt: at(9), attempts: 2, repeats: 1, late: true }), delivery({ acceptedAt: at(40) })];
    const { header, rows } = tableUnder(renderReport(incidentView({ pages })), 'Pages');
    expect(header).toEqual(['Person', 'As', 'By', 'Due', 'Sent', 'Accepted', 'Acknowledged']);
    expect(rows.map((row) => row.slice(3))).toEqual([
      ['2026-03-01 14:05:00', '2026-03-01 14:05:00', '2026-03-01 14:05:02', '2026-03-01 14:12:00 by alice (cli)'],
      ['2026-03-01 14:05:00 (late)', '2026-03-01 14:05:00', '2026-03-01 14:14:00 (try 2, may have arrived 2 times)', '2026-03-01 14:16:00 by alice (cli)'],
      ['2026-03-01 14:05:00', '2026-03-01 14:05:00', '2026-03-01 14:45:00', 'no'],
    ]);
  });

  it.each([
    ['a note, which counts as one', [{ at: at(4), actor: alice, what: 'note' as const, text: 'looking' }], '4 min'],
    ['an unverified acknowledgement', [{ at: at(5), actor: { kind: 'unverified' as const, via: 'temporal' as const }, what: 'acknowledge' as const, text: '' }], '5 min'],
    ['an escalation by the ladder, which is none', [{ at: at(4), actor: ladder, what: 'escalate' as const, text: '' }], 'nobody acknowledged'],
    ['a refused try, which is none', [{ at: at(4), actor: alice, what: 'refused' as const, text: '' }], 'nobody acknowledged'],
  ])('takes the time to acknowledge from %s', (_what, timeline, expected) => {
    expect(renderReport(incidentView({ timeline }))).toContain(`- Time to acknowledge: ${expected}\n`);
  });

  it('does not call an unproven close a cure, nor an open incident closed', () => {
    expect(renderReport(incidentView({ closedAs: 'resolved by a person' }))).toContain('- Time to resolve: 42 min, resolved by a person\n');
    const { closedAt: _at, closedAs: _as, closeReason: _why, ...rest } = incidentView();
    const report = renderReport({ ...rest, state: 'watching' });
    expect(report).toContain('- Not closed: watching\n');
    expect(report).toContain('- Time to resolve: not resolved yet\n');
  });

  it('ends with the runbook\'s prevention as things to do', () => {
    expect(renderReport(incidentView())).toContain('## Prevention\n\n- [ ] Set up automated log rotation\n- [ ] Monitor disk usage daily\n');
  });
});

describe('an outsider\'s text in the report', () => {
  const evils = [
    '| a | b |\n| --- | --- |\n| x | y |',
    '</td></table><script>alert(1)</script>',
    '```\n# Closed: recovered\n```` <img src=x onerror=alert(1)>',
    '[approve](https://evil.example) ![x](https://evil.example/x.png) <https://evil.example> https://evil.example www.evil.example eve@evil.example',
    '# Heading\n## Pages\n- [x] done\n1. one\n> quote\n---',
    '&#124; &lt;script&gt; \\| **bold** __x__ ~~y~~ `code` $x$',
    '\u202E\u0000\u2028\ttail\\',
  ];
  const everywhere = (evil: string): IncidentView => {
    const view = incidentView();
    const [run] = view.runs;
    const [ask] = view.asks;
    const [undo] = view.undos;
    if (!run || !ask || !undo) throw new Error('the view has lost its run, ask or undo');
    const acts = (['done', 'skipped', 'failed', 'unknown'] as const).map((kind) => ({
      act: evil,
      risk: 'safe' as const,
      startedAt: at(1),
      endedAt: at(2),
      approvedBy: evil,
      undo: evil,
      file: evil,
      outcome: { kind, evidence: evil, reason: 'held' as const, detail: evil, message: evil, because: evil },
    }));
    return {
      ...view,
      incident: { ...view.incident, title: evil, target: evil, links: { console: `javascript:${evil}`, temporal: evil } },
      alerts: { ...view.alerts, description: evil },
      found: [evil],
      done: [evil],
      followUps: [`x ${evil}`, `Prevention: ${evil}`],
      closeReason: evil,
      pages: [delivery({ person: evil, why: evil, channel: evil })],
      asks: [{ ...ask, step: evil, act: evil, command: evil, host: evil }],
      undos: [{ ...undo, title: evil, host: evil, evidence: evil, by: evil }],
      timeline: view.timeline.map((entry) => ({ ...entry, text: evil })),
      runs: [{ ...run, reason: evil, steps: [{ title: evil, phase: 'resolve', acts, check: evil }] }],
    };
  };
  /** The document's skeleton: kinds of blocks, levels of headings, sizes of tables. */
  const skeleton = (report: string): string[] =>
    marked
      .lexer(report)
      .filter(({ type }) => type !== 'space')
      .map((token) => {
        if (token.type === 'heading') return `h${(token as Tokens.Heading).depth}`;
        if (token.type === 'table') return `table ${(token as Tokens.Table).rows.length}x${(token as Tokens.Table).header.length}`;
        return token.type === 'list' ? `list ${(token as Tokens.List).items.length}` : token.type;
      });
  const tagsOf = (report: string): string[] =>
    [...new Set([...String(marked.parse(report, { async: false })).matchAll(/<([a-z0-9]+)/gi)].map(([, tag]) => tag ?? ''))].sort();
  const plain = everywhere('plain words');

  it.each(evils)('changes neither structure nor tags: %j', (evil) => {
    const report = renderReport(everywhere(evil));
    expect(skeleton(report)).toEqual(skeleton(renderReport(plain)));
    expect(tagsOf(report)).toEqual(tagsOf(renderReport(plain)));
    expect(report).not.toMatch(/[\u0000\u2028\u202E]/);
  });

  it('changes nothing, whatever it is', () => {
    const expected = skeleton(renderReport(plain));
    const tags = tagsOf(renderReport(plain));
    const marks = fc.array(fc.constantFrom(...'|`*_[]()<>~#&!-+=1.:/\\\n \t$@"\'aw'), { minLength: 1, maxLength: 30 }).map((parts) => `x${parts.join('')}`);
    fc.assert(
      fc.property(marks, (evil) => {
        const report = renderReport(everywhere(evil));
        expect(skeleton(report)).toEqual(expected);
        expect(tagsOf(report)).toEqual(tags);
      }),
      { numRuns: 300 },
    );
  });

  it('reads as it was written, apart from its line breaks', () => {
    const text = 'SQLSTATE[42P01]: <b>relation</b> "a|b" & `c` *d* at https://x.example/?a=1 ~ #3 1. -';
    const shown = String(marked.parseInline(inline(text), { async: false }))
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&');
    expect(shown).toBe(text);
  });
});
