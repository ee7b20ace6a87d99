import { startProgram } from '../program.js';
import type { Target } from './target.js';
import { sdkClient } from './tools.js';

interface SdkCall extends Target {
  readonly method: 'Build' | 'BuildWithStream' | 'BuildWithSecretsStream';
  /** A folder with a Dockerfile. */
  readonly context: string;
  readonly image: string;
  readonly secrets?: Readonly<Record<string, string>>;
  /** The public key that encrypts secrets, base64. */
  readonly publicKey?: string;
}

/** The results that the SDK returns to its caller. */
export interface SdkOutcome {
  readonly results: readonly {
    readonly status: string;
    readonly log: readonly string[] | null;
    readonly image: string;
    readonly error?: string;
  }[];
  readonly error?: string;
}

/** Calls the Go SDK once, by the program in `go/`. */
export async function callGoSdk(options: SdkCall): Promise<SdkOutcome> {
  const { method, url, context, image, payloadSecret, secrets = {}, publicKey } = options;
  const { exit, out, err } = await startProgram(sdkClient(), [
    ...[
      'call',
      '-method',
      method,
      '-url',
      url,
      '-context',
      context,
      '-image',
      image,
      '-payload-secret',
      payloadSecret,
    ],
    ...(publicKey === undefined ? [] : ['-public-key', publicKey]),
    ...Object.entries(secrets).flatMap(([name, value]) => ['-secret', `${name}=${value}`]),
  ]).ended;
  if (exit !== 0) throw new Error(`the client of the Go SDK ended with ${exit}: ${err}`);
  const said = JSON.parse(out) as SdkOutcome & { results: SdkOutcome['results'] | null };
  return { ...said, results: said.results ?? [] };
}
