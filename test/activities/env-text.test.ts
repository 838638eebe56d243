import { describe, expect, it } from 'vitest';
import { envValue, withEnvValue } from '../../src/activities/env-text.js';

const key = 'CACHE_STORE';

describe('one key of a .env', () => {
  it.each([
    ['a plain value', 'A=1\nCACHE_STORE=redis\nB=2\n', 'redis', 'A=1\nCACHE_STORE=file\nB=2\n'],
    ['a quoted value', 'CACHE_STORE="redis"\n', '"redis"', 'CACHE_STORE=file\n'],
    ['spaces around', '  CACHE_STORE =  redis  \n', 'redis', '  CACHE_STORE =  file  \n'],
    ['a comment behind it', 'CACHE_STORE=redis # was file\n', 'redis', 'CACHE_STORE=file # was file\n'],
    ['a comment right behind it, as the application takes it', 'CACHE_STORE=redis#was file\n', 'redis', 'CACHE_STORE=file#was file\n'],
    ['export in front', 'export CACHE_STORE=redis\n', 'redis', 'export CACHE_STORE=file\n'],
    ['Windows line ends', 'A=1\r\nCACHE_STORE=redis\r\nB=2\r\n', 'redis', 'A=1\r\nCACHE_STORE=file\r\nB=2\r\n'],
    ['no line end', 'CACHE_STORE=redis', 'redis', 'CACHE_STORE=file'],
    ['an empty value', 'CACHE_STORE=\nB=2\n', '', 'CACHE_STORE=file\nB=2\n'],
    ['the last of two, which counts', 'CACHE_STORE=a\nCACHE_STORE=b\n', 'b', 'CACHE_STORE=a\nCACHE_STORE=file\n'],
    ['a longer name beside it', 'MY_CACHE_STORE=x\nCACHE_STORE_2=y\nCACHE_STORE=redis\n', 'redis', 'MY_CACHE_STORE=x\nCACHE_STORE_2=y\nCACHE_STORE=file\n'],
    ['a comment that looks like it', '# CACHE_STORE=old\nCACHE_STORE=redis\n', 'redis', '# CACHE_STORE=old\nCACHE_STORE=file\n'],
    ['a key block that looks like it', 'PEM="-----BEGIN\nCACHE_STORE=inside\n-----END"\nCACHE_STORE=redis\n', 'redis', 'PEM="-----BEGIN\nCACHE_STORE=inside\n-----END"\nCACHE_STORE=file\n'],
    ['an escaped quote in another value', 'A="say \\"\nCACHE_STORE=no\n"\nCACHE_STORE=redis\n', 'redis', 'A="say \\"\nCACHE_STORE=no\n"\nCACHE_STORE=file\n'],
    ['bytes that are no UTF-8', 'A=\xff\xfe\x80\nCACHE_STORE=redis\n', 'redis', 'A=\xff\xfe\x80\nCACHE_STORE=file\n'],
  ])('is read and set with %s, the rest byte for byte', (_, text, value, after) => {
    expect(envValue(text, key)).toBe(value);
    expect(withEnvValue(text, key, 'file')).toBe(after);
    expect(withEnvValue(after, key, value)).toBe(text);
  });

  it.each([
    ['at the end', 'A=1\n', 'A=1\nCACHE_STORE=file\n'],
    ['after a line without an end', 'A=1', 'A=1\nCACHE_STORE=file\n'],
    ['with the line ends of the file', 'A=1\r\n', 'A=1\r\nCACHE_STORE=file\r\n'],
    ['as the first line', '', 'CACHE_STORE=file\n'],
    ['even if only a key block has it', 'P="\nCACHE_STORE=x\n"\n', 'P="\nCACHE_STORE=x\n"\nCACHE_STORE=file\n'],
  ])('is added %s where it is missing', (_, text, after) => {
    expect(envValue(text, key)).toBeNull();
    expect(withEnvValue(text, key, 'file')).toBe(after);
  });

  it('is taken out with its line, and a second time changes nothing', () => {
    expect(withEnvValue('A=1\nCACHE_STORE="file"\nB=2\n', key, null)).toBe('A=1\nB=2\n');
    expect(withEnvValue('A=1\nB=2\n', key, null)).toBe('A=1\nB=2\n');
  });
});
