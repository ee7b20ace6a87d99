import type { Secret } from '@slipway/shared/config';
import { type BuildCall, callSignatureHeader, isCallTimely, signBuildCall } from '@slipway/shared/signing';
import { type Dispatcher, request } from 'undici';

/** A signer of calls about builds with an id. */
export interface CallSigner {
  readonly payloadSecret: Secret;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

type RequestOptions = NonNullable<Parameters<typeof request<null>>[1]>;

interface SignedRequest extends CallSigner {
  /** The replica's own address. */
  readonly url: string;
  readonly call: BuildCall;
  /** Called once for each try: a body can be read once. */
  readonly options: () => Omit<RequestOptions, 'method' | 'headers'> & {
    readonly headers?: Readonly<Record<string, string>>;
  };
}

/**
 * Sends a call about a build with an id. A replica whose clock differs by more than five minutes refuses the signature. The call is then sent once more,
 * signed with the time of the replica's answer: no clock of a worker decides whether a build can begin.
 */
export async function signedRequest(signed: SignedRequest): Promise<Dispatcher.ResponseData> {
  const { url, call, payloadSecret: secret, now, options } = signed;
  const send = (at: Date) => {
    const { headers, ...others } = options();
    const signature = signBuildCall({ secret, call, at });
    const all = { ...headers, [callSignatureHeader]: signature };
    return request(new URL(call.path, url), { ...others, method: call.method, headers: all });
  };
  const at = new Date(now());
  const response = await send(at);
  const replicaTime = new Date(String(response.headers.date));
  if (response.statusCode !== 401 || Number.isNaN(replicaTime.getTime()) || isCallTimely(at, replicaTime))
    return response;
  response.body.on('error', () => undefined).destroy();
  return await send(replicaTime);
}
