import { type DockerConfig, readDockerConfig } from '@slipway/shared/docker-config';
import { exitText, runForOutput } from '@slipway/shared/processes';
import { GrpcError, grpcCodes } from '../protocol/grpc.js';
import { credentialsRequest, credentialsResponse } from '../protocol/messages.js';
import { type Handlers, unary } from './session.js';

interface Credentials {
  readonly username: string;
  /** A password, or an identity token if there is no username. */
  readonly secret: string;
}

export interface CredentialsOptions {
  /** The folder of `config.json`. */
  readonly dockerConfig: string;
  /** The environment of credential helpers. */
  readonly env: Readonly<Record<string, string>>;
  readonly killGraceMs: number;
  readonly signal: AbortSignal;
}

/** Docker Hub has one name in the config and another in requests. */
const hub = { host: 'registry-1.docker.io', key: 'https://index.docker.io/v1/' };
const none: Credentials = { username: '', secret: '' };
/** A helper prints this for a registry that it does not know, and exits with an error. */
const unknownToHelper = 'credentials not found in native keychain';
/** The username that helpers give with an identity token. */
const tokenUser = '<token>';
const maxOutputBytes = 1024 * 1024;

/** Serves the credentials of registries, read from the Docker config for each question. The daemon fetches tokens itself. */
export function registryCredentials(options: CredentialsOptions): Handlers {
  return {
    '/moby.filesync.v1.Auth/Credentials': unary({
      request: credentialsRequest,
      response: credentialsResponse,
      answer: ({ host }) => credentialsFor(host, options),
    }),
  };
}

/** Returns the credentials for `host[:port]`; empty ones for a registry that the config does not know. */
export async function credentialsFor(host: string, options: CredentialsOptions): Promise<Credentials> {
  const config = await readDockerConfig(options.dockerConfig);
  const key = host === hub.host ? hub.key : host;
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  return helper ? await askHelper(helper, key, options) : stored(config, key);
}

function stored({ auths }: DockerConfig, host: string): Credentials {
  const known = auths?.[host] ?? Object.entries(auths ?? {}).find(([key]) => hostOf(key) === host)?.[1];
  if (!known) return none;
  if (known.identitytoken) return { username: '', secret: known.identitytoken };
  const login = Buffer.from(known.auth ?? '', 'base64').toString();
  const colon = login.indexOf(':');
  if (colon === -1) return none;
  return { username: login.slice(0, colon), secret: login.slice(colon + 1).replace(/\0+$/, '') };
}

/** Keys of old configs are URLs. */
const hostOf = (key: string) => key.replace(/^https?:\/\//, '').split('/')[0];

async function askHelper(
  helper: string,
  host: string,
  { env, killGraceMs, signal }: CredentialsOptions,
): Promise<Credentials> {
  const command = `docker-credential-${helper}`;
  const fail = (what: string) =>
    new GrpcError({
      code: grpcCodes.unknown,
      message: `error getting credentials - err: ${command} for ${host} ${what}`,
    });
  const exit = await runForOutput({
    ...{ command, args: ['get'], env, input: host, killGraceMs, signal, maxOutputBytes },
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw fail(`does not run: ${(error as Error).message}`);
  });
  const output = exit.stdout.toString().trim();
  if (exit.code !== 0) {
    if (output === unknownToHelper) return none;
    throw fail(`ended with ${exitText(exit)}: ${output.slice(0, 1_000)}`);
  }
  let answer: { readonly Username?: unknown; readonly Secret?: unknown };
  try {
    answer = JSON.parse(output);
  } catch {
    // The output holds the secret.
    throw fail('printed no JSON');
  }
  const { Username: username, Secret: secret } = answer;
  if (typeof username !== 'string' || typeof secret !== 'string') throw fail('printed no Username or Secret');
  return { username: username === tokenUser ? '' : username, secret };
}
