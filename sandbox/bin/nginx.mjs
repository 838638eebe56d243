import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { control, readHome } from './lib/home.mjs';

/* `nginx -t` and `nginx -s reload` for the sandbox's HTTPS listener: it looks at what the listener would load, and asks it to. */
const home = readHome();
const conf = join(dirname(home.bin), 'tls/nginx.json');
const args = process.argv.slice(2);

if (args.length === 1 && args[0] === '-t') test();
else if (args.length === 2 && args[0] === '-s' && args[1] === 'reload') {
  const problem = found();
  if (problem) fail(`nginx: [emerg] ${problem}`);
  else await control(home, 'https/reload').catch((error) => fail(`nginx: [error] ${error.message}`));
} else fail(`nginx: the sandbox knows only -t and -s reload, not: ${args.join(' ')}`);

function test() {
  const problem = found();
  if (problem) return fail(`nginx: [emerg] ${problem}\nnginx: configuration file ${conf} test failed`);
  console.error(`nginx: the configuration file ${conf} syntax is ok\nnginx: configuration file ${conf} test is successful`);
}

function found() {
  if (!existsSync(conf)) return 'there is no HTTPS listener';
  const { chainFile, keyFile } = JSON.parse(readFileSync(conf, 'utf8'));
  try {
    const certificate = new X509Certificate(readFileSync(chainFile));
    return certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile))) ? undefined : `SSL_CTX_use_PrivateKey("${keyFile}") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)`;
  } catch (error) {
    return `cannot load certificate "${chainFile}": ${error.message}`;
  }
}

function fail(words) {
  console.error(words);
  process.exitCode = 1;
}
