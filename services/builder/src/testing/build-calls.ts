import { buildPath } from '@slipway/shared/contracts';
import { type BuildCall, signBuildCall } from '@slipway/shared/signing';
import { signatureOf, testSecret } from './payload.js';
import { postBuild, streamed } from './post-build.js';

const signed = (call: BuildCall, at = new Date()) => ({
  'X-Slipway-Signature': signBuildCall({ secret: testSecret, call, at }),
});

interface NamedPost {
  readonly url: string;
  readonly body: Buffer;
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly at?: Date;
}

/** The headers of `POST /build` for a build with an id. */
export const namedHeaders = (body: Buffer, id: string, at?: Date) => ({
  'X-Slipway-Build': id,
  ...signed({ method: 'POST', path: '/build', buildId: id, payloadSignature: signatureOf(body) }, at),
});

/** Sends a build with an id, and streams the answer. */
export const postNamed = ({ url, body, id = 'att_1', headers = streamed, signal, at }: NamedPost) =>
  postBuild({
    ...{ url, body, headers: { ...namedHeaders(body, id, at), ...headers } },
    ...(signal && { signal }),
  });

interface Call {
  readonly url: string;
  readonly id?: string;
  readonly from?: number;
  readonly method?: 'GET' | 'DELETE';
  readonly signal?: AbortSignal;
}

/** Calls `GET` or `DELETE /builds/{id}`. */
export function callBuild({ url, id = 'att_1', from, method = 'GET', signal }: Call): Promise<Response> {
  const path = buildPath(id, from);
  return fetch(url + path, {
    ...{ method, headers: signed({ method, path, buildId: id }) },
    ...(signal && { signal }),
  });
}
