import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from '@temporalio/client';

/** How every HTTP/2 client begins; a server that wants TLS answers it with an alert, or hangs up. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
/** First byte of TLS's alert record. */
const alert = 0x15;
const patience = 3_000;

const wrongAuthority = new Set(['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);

/**
 * Why Temporal at `address` does not let us in, in words and with the setting to look at, by a handshake of our own: gRPC says no
 * more than that there is no connection. Undefined where TLS is not what is wrong, or nobody listens. Sends no API key.
 */
export async function handshakeProblem({ address = '', tls }: Pick<ConnectionOptions, 'address' | 'tls'>): Promise<string | undefined> {
  const { hostname: host, port } = new URL(`tcp://${address}`);
  const to = { host: host.replace(/^\[|\]$/g, ''), port: Number(port || 7233) };
  if (!tls) return firstAnswer(connectPlain(to), { connected: 'connect', read: (answer) => (answer?.[0] === undefined || answer[0] === alert ? 'it takes no client without TLS, and TEMPORAL_TLS is not set' : undefined) });
  const { serverNameOverride, serverRootCACertificate, clientCertPair } = tls === true ? {} : tls;
  const ours = 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH name it';
  const refusal = clientCertPair ? `it refuses our client certificate: ${ours}` : `it wants a client certificate: ${ours}`;
  const socket = connectTls({
    ...to,
    ALPNProtocols: ['h2'],
    ...(/^[\d.]+$|:/.test(to.host) ? {} : { servername: to.host }),
    ...(serverNameOverride && { servername: serverNameOverride }),
    ...(serverRootCACertificate && { ca: Buffer.from(serverRootCACertificate) }),
    ...(clientCertPair && { cert: Buffer.from(clientCertPair.crt), key: Buffer.from(clientCertPair.key) }),
  });
  return firstAnswer(socket, { connected: 'secureConnect', read: (answer) => (answer ? undefined : refusal), failed: (error) => inWords(error, refusal) });
}

interface Reading {
  /** The event after which an end without a word is an answer too. */
  connected: 'connect' | 'secureConnect';
  /** What the first word means; there is none if the other side ended it instead. */
  read: (answer: Buffer | undefined) => string | undefined;
  failed?: (error: NodeJS.ErrnoException) => string | undefined;
}

/** Says hello and hears the first word, or the failure before it. TLS 1.3 refuses a client only after the handshake. */
function firstAnswer(socket: Socket, { connected, read, failed }: Reading): Promise<string | undefined> {
  return new Promise((resolve) => {
    let through = false;
    const done = (problem: string | undefined): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(patience, () => done(undefined));
    socket.once(connected, () => (through = true));
    socket.once('error', (error: NodeJS.ErrnoException) => done(failed?.(error)));
    socket.once('data', (answer: Buffer) => done(read(answer)));
    socket.once('end', () => done(through ? read(undefined) : undefined));
    socket.once('close', () => done(undefined));
    socket.write(preface);
  });
}

function inWords({ code = '', message }: NodeJS.ErrnoException, refusal: string): string | undefined {
  if (wrongAuthority.has(code)) return `its certificate is of an authority that is not trusted (${code}): TEMPORAL_TLS_SERVER_CA_CERT_PATH names the one to trust`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for another name (${message}): TEMPORAL_TLS_SERVER_NAME says which to expect`;
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired';
  if (code.includes('ALERT')) return refusal;
  if (/wrong version number|packet length too long/.test(message)) return 'it does not speak TLS, but TEMPORAL_TLS is set, or an API key, which sets it';
  return undefined;
}
