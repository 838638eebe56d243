#!/usr/bin/env node
/*
 * Stands in for `php` where `artisan` follows: answers as a Laravel does, acts on the real folder and the real database, and
 * reads which commands this version has from `stand-in.json` in the application's root. Like Symfony it runs an unambiguous
 * abbreviation, so that a caller who relies on names it has not checked is found out.
 */
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

const [, , program, asked, ...args] = process.argv;
if (program !== 'artisan') throw new Error(`expected artisan, not ${program}`);
const {
  commands,
  databaseUrl,
  settings = {},
  keepsCache = false,
  clearsBuilt = false,
  archives = true,
} = JSON.parse(readFileSync('stand-in.json', 'utf8'));
appendFileSync(
  'calls.jsonl',
  `${JSON.stringify({ asked, args, uid: process.getuid?.(), interactive: process.stdin.isTTY === true })}\n`,
);

if (asked === 'list') {
  for (const name of commands) console.log(`${name}                     Says what it does`);
  process.exit(0);
}
const near = commands.filter((name) => name.startsWith(asked));
const command = commands.includes(asked) ? asked : near.length === 1 ? near[0] : undefined;
if (command === undefined) {
  console.error(`\n  Command "${asked}" is not defined. Did you mean one of these?\n    ${commands.join('\n    ')}\n`);
  process.exit(1);
}
const option = (name) => args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1];
const cacheFile = 'storage/framework/cache/data/responder-probe';

async function query(sql, values) {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    return (await client.query(sql, values)).rowCount;
  } finally {
    await client.end();
  }
}

switch (command) {
  case 'tinker': {
    const code = args[1] ?? '';
    let value = settings;
    if (code.includes('cache()->put')) writeFileSync(cacheFile, '1');
    if (code.includes('responder:probe')) value = existsSync(cacheFile) ? 'there' : null;
    console.log(`PHP Deprecated: something\n\nresponder-json:${JSON.stringify(value)}`);
    break;
  }
  case 'cache:clear':
    if (!keepsCache) rmSync(cacheFile, { force: true });
    if (clearsBuilt) rmSync('bootstrap/cache/config.php', { force: true });
    console.log('Application cache cleared!');
    break;
  case 'config:cache':
    writeFileSync('bootstrap/cache/config.php', '<?php return [];');
    console.log('Configuration cached successfully!');
    break;
  case 'log:clear':
    for (const name of readdirSync('storage/logs')) {
      const path = join('storage/logs', name);
      if (Date.now() - statSync(path).mtimeMs > Number(option('days')) * 86_400_000) rmSync(path);
    }
    console.log('Logs cleared');
    break;
  case 'queue:flush':
    await query('delete from failed_jobs');
    console.log('All failed jobs deleted successfully!');
    break;
  case 'queue:prune-failed':
    console.log(
      `${await query('delete from failed_jobs where failed_at < localtimestamp - make_interval(hours => $1)', [Number(option('hours'))])} entries deleted!`,
    );
    break;
  case 'db:archive':
    if (archives)
      await query(`delete from ${option('table')} where created_at < now() - make_interval(days => $1)`, [
        Number(option('days')),
      ]);
    console.log('Archived');
    break;
  case 'fails':
    console.error('SQLSTATE[08006] connection to server failed, password=hunter2hunter2');
    process.exit(1);
    break;
  default:
    console.log(`${command} ran`);
}
