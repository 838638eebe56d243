import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { control, readHome } from './lib/home.mjs';

/*
 * `nginx -t` and `nginx -s reload` for what the sandbox has in front: the file with denied addresses and the HTTPS listener. It looks
 * at what they would load, and asks them to.
 */
const home = readHome();
const denyFile = join(dirname(home.bin), 'front/block-ips.conf');
const conf = join(dirname(home.bin), 'tls/nginx.json');
const args = process.argv.slice(2);

if (args.length === 1 && args[0] === '-t') test();
else if (args.length === 2 && args[0] === '-s' && args[1] === 'reload') {
  const problem = found();
  if (problem) fail(`nginx: [emerg] ${problem}`);
  else await reload().catch((error) => fail(`nginx: [error] ${error.message}`));
} else fail(`nginx: the sandbox knows only -t and -s reload, not: ${args.join(' ')}`);

async function reload() {
  await control(home, 'front/reload');
  if (existsSync(conf)) await control(home, 'https/reload');
}

function test() {
  const problem = found();
  if (problem) return fail(`nginx: [emerg] ${problem}\nnginx: configuration file ${conf} test failed`);
  console.error(`nginx: the configuration file ${conf} syntax is ok\nnginx: configuration file ${conf} test is successful`);
}

function found() {
  const lines = existsSync(denyFile) ? readFileSync(denyFile, 'utf8').split('\n') : [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.trim().startsWith('#')) continue;
    const parameter = /^\s*deny\s+(\S+?)\s*;\s*(?:#.*)?$/.exec(line)?.[1];
    if (parameter === undefined) return `unknown directive "${line.trim().split(/\s/)[0]}" in ${denyFile}:${index + 1}`;
    if (!isAddress(parameter)) return `invalid parameter "${parameter}" in ${denyFile}:${index + 1}`;
  }
  if (!existsSync(conf)) return undefined;
  const { chainFile, keyFile } = JSON.parse(readFileSync(conf, 'utf8'));
  try {
    const certificate = new X509Certificate(readFileSync(chainFile));
    return certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile))) ? undefined : `SSL_CTX_use_PrivateKey("${keyFile}") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`;
  } catch (error) {
    return `cannot load certificate "${chainFile}": ${error.message}`;
  }
}

/** Of a client or, with the length of its prefix, a network. */
function isAddress(text) {
  const [, address, bits] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address ?? '');
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128);
}

function fail(words) {
  console.error(words);
  process.exitCode = 1;
}
