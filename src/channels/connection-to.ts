import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/**
 * Resolves with `host:port` of a URL once a connection to it stands, with TLS and its certificate checked if it is https, and
 * ends it without a word. Throws why there is none; of the URL an error holds host and port alone.
 */
export async function connectionTo(url: string, timeoutMs: number): Promise<string> {
  const { protocol, hostname, port: given } = new URL(url);
  const secure = protocol === 'https:';
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(given) || (secure ? 443 : 80);
  const isName = /[a-z]/i.test(host) && !host.includes(':');
  const socket = secure ? connectTls({ host, port, ...(isName && { servername: host }) }) : connect({ host, port });
  // Whatever it says after we have left is nobody's concern.
  socket.on('error', () => undefined);
  try {
    await once(socket, secure ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const { name, message } = error as Error;
    throw new Error(`${host}:${port}: ${name === 'AbortError' ? `no connection within ${timeoutMs / 1_000} s` : message}`, { cause: error });
  } finally {
    socket.destroy();
  }
  return `${host}:${port}`;
}
