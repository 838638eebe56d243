import './reflect.mjs';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

// The CommonJS build: an ESM one would be loaded before the lines above have run.
const x509 = createRequire(import.meta.url)('@peculiar/x509');
x509.cryptoProvider.set(webcrypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const day = 86_400_000;
const pathsOf = (folder) => ({ root: join(folder, 'root.pem'), chain: join(folder, 'intermediate.pem'), key: join(folder, 'intermediate.key') });

/** Makes a root and an intermediate certificate in `folder`; the root's key is forgotten. Gives the path of the root to trust. */
export async function makeAuthority(folder) {
  mkdirSync(folder, { recursive: true });
  const paths = pathsOf(folder);
  const [root, intermediate] = await Promise.all([generate(), generate()]);
  const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 3650 * day) };
  const name = `CN=Sandbox Root ${randomBytes(4).toString('hex')}`;
  const signing = new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true);
  const rootCertificate = await x509.X509CertificateGenerator.createSelfSigned({ name, keys: root, signingAlgorithm, ...validity, extensions: [new x509.BasicConstraintsExtension(true, 1, true), signing] });
  const intermediateCertificate = await x509.X509CertificateGenerator.create({
    subject: `${name} Intermediate`, issuer: name, publicKey: intermediate.publicKey, signingKey: root.privateKey, signingAlgorithm, ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), signing],
  });
  writeFileSync(paths.root, rootCertificate.toString('pem'));
  writeFileSync(paths.chain, intermediateCertificate.toString('pem'));
  writeFileSync(paths.key, await pemOf(intermediate.privateKey), { mode: 0o600 });
  return paths.root;
}

/**
 * Issues a certificate from the authority in `folder`: its key and its chain as PEM. `withChain: false` leaves the
 * intermediate out, as a server that was set up carelessly does; `of: 'client'` is for one that calls.
 */
export async function issue(folder, { names, notBefore = new Date(Date.now() - 3_600_000), notAfter = new Date(Date.now() + 90 * day), withChain = true, of = 'server' }) {
  const paths = pathsOf(folder);
  const issuer = new x509.X509Certificate(readFileSync(paths.chain, 'utf8'));
  const der = Buffer.from(readFileSync(paths.key, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  const keys = await generate();
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    subject: `CN=${names[0]}`, issuer: issuer.subject, publicKey: keys.publicKey, signingKey, signingAlgorithm, notBefore, notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([of === 'client' ? '1.3.6.1.5.5.7.3.2' : '1.3.6.1.5.5.7.3.1']),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
    ],
  });
  const chain = `${leaf.toString('pem')}\n${withChain ? `${issuer.toString('pem')}\n` : ''}`;
  return { key: await pemOf(keys.privateKey), chain };
}

/** Writes chain and key as certbot keeps them, each whole. */
export function putCertificate({ chainFile, keyFile }, { chain, key }) {
  for (const [path, text, mode] of [[keyFile, key, 0o600], [chainFile, chain, 0o644]]) {
    mkdirSync(dirname(path), { recursive: true });
    const beside = `${path}.${createHash('sha1').update(text).digest('hex').slice(0, 8)}`;
    writeFileSync(beside, text, { mode });
    renameSync(beside, path);
  }
}

const generate = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function pemOf(privateKey) {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.match(/.{1,64}/g).join('\n')}\n-----END PRIVATE KEY-----\n`;
}
