import { connect, constants, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** PEM texts of one side of a connection. */
export interface Identity {
  key: string;
  cert: string;
}

export interface TlsProxy {
  /** `127.0.0.1:<port>`. */
  address: string;
  /** `authorization` of each call that came through the handshake. */
  authorizations: (string | undefined)[];
  close(): Promise<void>;
}

const { HTTP2_HEADER_AUTHORITY, HTTP2_HEADER_SCHEME } = constants;

/**
 * TLS before a Temporal that speaks none: takes only clients with a certificate of `ca`, and answers UNAUTHENTICATED to calls
 * without `Authorization: Bearer <apiKey>`, as Temporal Cloud does.
 */
export async function openTlsProxy({ upstream, server, ca, apiKey }: { upstream: string; server: Identity; ca: string; apiKey?: string }): Promise<TlsProxy> {
  const authorizations: (string | undefined)[] = [];
  const onward = connect(`http://${upstream}`);
  onward.on('error', () => undefined);
  const proxy = createSecureServer({ ...server, ca, requestCert: true, rejectUnauthorized: true });
  const sessions = new Set<{ destroy(): void }>();
  proxy.on('session', (session) => sessions.add(session));
  proxy.on('sessionError', () => undefined);
  proxy.on('stream', (stream, headers) => {
    authorizations.push(headers.authorization);
    if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) {
      return stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'the API key is not known' }, { endStream: true });
    }
    passOn(stream, headers);
  });

  function passOn(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const call = onward.request({ ...headers, [HTTP2_HEADER_AUTHORITY]: upstream, [HTTP2_HEADER_SCHEME]: 'http' });
    let trailers: IncomingHttpHeaders = {};
    call.on('response', (answer, flags) => {
      // Headers that end the stream are a refusal in one frame.
      const whole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(answer, whole ? { endStream: true } : { waitForTrailers: true });
      if (whole) return;
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      call.pipe(stream);
    });
    call.on('trailers', (last) => (trailers = last));
    call.on('error', () => stream.close());
    stream.on('error', () => call.close());
    stream.on('close', () => call.close());
    stream.pipe(call);
  }

  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    authorizations,
    async close() {
      onward.destroy();
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
