import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readHome } from './lib/home.mjs';

/*
 * `certbot renew` and `certbot certificates` over the lineages of this sandbox (tls/certbot.json), signed by its own authority.
 * Like the real one it looks at the file and not at what is served, renews in the last third of a lifetime, 30 days at most, and
 * reloads nothing.
 */
const folder = join(dirname(readHome().bin), 'tls');
const line = '- '.repeat(40).trim();
const [verb, ...args] = process.argv.slice(2);
const known = { '--non-interactive': 0, '-n': 0, '--no-random-sleep-on-renew': 0, '--force-renewal': 0, '--cert-name': 1 };
const options = {};
for (let i = 0; i < args.length; i++) {
  if (!(args[i] in known)) end(2, `certbot: error: unrecognized arguments: ${args[i]}`);
  options[args[i]] = known[args[i]] === 1 ? args[++i] : true;
}
const lineages = existsSync(join(folder, 'certbot.json')) ? JSON.parse(readFileSync(join(folder, 'certbot.json'), 'utf8')) : {};
const name = options['--cert-name'];
const chosen = name === undefined ? Object.keys(lineages) : [name].filter((one) => Object.hasOwn(lineages, one));

if (verb === 'certificates') certificates();
else if (verb === 'renew') await renew();
else end(2, `certbot: the sandbox knows only renew and certificates, not ${verb ?? 'nothing'}`);

async function renew() {
  if (!options['--non-interactive'] && !options['-n']) end(1, 'certbot: the sandbox has no prompt: --non-interactive is needed');
  if (chosen.length === 0) end(1, `No certificate found with name ${name} (expected ${join(folder, 'renewal', `${name}.conf`)}).`);
  const ends = { renewed: [], skipped: [], failed: [] };
  for (const one of chosen) {
    const { names, chainFile, keyFile, refuses } = lineages[one];
    console.log(`${line}\nProcessing ${join(folder, 'renewal', `${one}.conf`)}\n${line}`);
    const current = certificateIn(chainFile);
    const left = current ? Date.parse(current.validTo) - Date.now() : 0;
    const lifetime = current ? Date.parse(current.validTo) - Date.parse(current.validFrom) : 0;
    if (left > Math.min(30 * 86_400_000, lifetime / 3) && !options['--force-renewal']) {
      console.log('Certificate not yet due for renewal');
      ends.skipped.push(`  ${chainFile} expires on ${new Date(current.validTo).toISOString().slice(0, 10)} (skipped)`);
    } else if (refuses) {
      console.error(`Failed to renew certificate ${one} with error: ${refuses}`);
      ends.failed.push(`  ${chainFile} (failure)`);
    } else {
      console.log(`Renewing an existing certificate for ${names.join(' and ')}`);
      // The library takes a while to load, and most calls do without it.
      const { issue, putCertificate } = await import('./lib/tls/authority.mjs');
      putCertificate({ chainFile, keyFile }, await issue(join(folder, 'ca'), { names }));
      ends.renewed.push(`  ${chainFile} (success)`);
    }
  }
  console.log(line);
  if (ends.skipped.length > 0) console.log(`The following certificates are not due for renewal yet:\n${ends.skipped.join('\n')}`);
  if (ends.renewed.length > 0) console.log(`Congratulations, all renewals succeeded: \n${ends.renewed.join('\n')}`);
  if (ends.failed.length > 0) console.error(`All renewals failed. The following certificates could not be renewed:\n${ends.failed.join('\n')}`);
  if (ends.renewed.length + ends.failed.length === 0) console.log('No renewals were attempted.');
  console.log(line);
  if (ends.failed.length > 0) end(1, `${ends.failed.length} renew failure(s), 0 parse failure(s)`);
}

function certificates() {
  if (chosen.length === 0) return console.log('No certificates found.');
  console.log(`${line}\nFound the following matching certs:`);
  for (const one of chosen) {
    const { names, chainFile, keyFile } = lineages[one];
    const current = certificateIn(chainFile);
    const days = current ? Math.floor((Date.parse(current.validTo) - Date.now()) / 86_400_000) : 0;
    console.log(`  Certificate Name: ${one}`);
    if (current) console.log(`    Serial Number: ${current.serialNumber.toLowerCase()}\n    Key Type: ECDSA`);
    console.log(`    Domains: ${names.join(' ')}`);
    if (current) console.log(`    Expiry Date: ${new Date(current.validTo).toISOString().replace('T', ' ').slice(0, 19)}+00:00 (${days < 0 ? 'INVALID: EXPIRED' : `VALID: ${days} days`})`);
    console.log(`    Certificate Path: ${chainFile}\n    Private Key Path: ${keyFile}`);
  }
  console.log(line);
}

function certificateIn(path) {
  try {
    return new X509Certificate(readFileSync(path));
  } catch {
    return undefined;
  }
}

function end(code, words) {
  console.error(words);
  process.exit(code);
}
