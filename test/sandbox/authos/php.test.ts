import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authos } from '../../../sandbox/authos/authos.js';
import { artisan, sandbox } from './world.js';

let authos: Authos;
let end: (() => Promise<void>) | undefined;
beforeAll(async () => {
  ({ authos, end } = await sandbox());
});
afterAll(() => end?.());

const tinker = async (code: string) => {
  const { exitCode, stdout } = await artisan(authos, 'tinker', '--execute', code, '--no-interaction', '--no-ansi');
  return exitCode === 0 ? stdout : `exit ${exitCode}: ${stdout.trim()}`;
};

describe('tinker of a sandbox', () => {
  it.each([
    ["echo 'a', PHP_EOL, \"b\\tc\"", 'a\nb\tc'],
    ["echo json_encode(['driver' => config('cache.default'), 'list' => [1, 2], 'none' => config('moon')]);", '{"driver":"redis","list":[1,2],"none":null}'],
    ["echo json_encode((function ($d) { if (! is_array($d)) return null; return $d['driver'] ?? 'none'; })(config('session')));", '"file"'],
    ["$f = function ($n) { return config('database.redis.'.($n ?: 'default')); }; echo json_encode($f('cache')['database']);", '1'],
    ["$x = null; echo json_encode([empty($x['a']), isset($x), $x['a']['b'] ?? 'gone', ! in_array('b', ['a'])]);", '[true,false,"gone",true]'],
    ["echo true && false ? 'yes' : 'no', 1 + 2 * 3, (fn ($n) => $n . '!')('x'); // done", 'no7x!'],
  ])('runs %s', async (code, said) => {
    expect(await tinker(code)).toBe(said);
  });

  it('reads and writes the real cache, where Redis gives a number back as a string', async () => {
    expect(await tinker("echo json_encode(cache()->put('probe', 'x', 60) ? cache()->get('probe') : null);")).toBe('"x"');
    expect(await tinker("cache()->put('probe', 1, 60); echo json_encode(cache()->get('probe'));")).toBe('"1"');
    expect((await artisan(authos, 'cache:clear')).exitCode).toBe(0);
    expect(await tinker("echo json_encode(cache()->get('probe'));")).toBe('null');
  });

  it.each([
    ["system('id');", 'Call to undefined function system()'],
    ["echo $moon;", 'Undefined variable $moon'],
    ["echo config('session')['moon'];", 'Undefined array key "moon"'],
    ["cache()->constructor('x');", 'Call to undefined method constructor()'],
    ['echo 1 +;', 'syntax error'],
    ['echo "a $b";', 'puts no variables into strings'],
    ['`id`', "The sandbox's PHP cannot read"],
  ])('exits 1 on %s, and says why', async (code, words) => {
    expect(await tinker(code)).toMatch(/^exit 1:/);
    expect(await tinker(code)).toContain(words);
  });

  it('fails as PHP does while Valkey is down', async () => {
    await authos.valkey.stop();
    const said = await tinker("cache()->get('probe');");
    await authos.valkey.restart();
    expect(said).toContain('ECONNREFUSED');
  });
});
