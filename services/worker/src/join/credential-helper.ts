import { SlipwayError } from '@slipway/shared/errors';
import { runForOutput } from '@slipway/shared/processes';
import { z } from 'zod';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

interface HelperOptions {
  /** The end of its name, `docker-credential-<name>`. */
  readonly name: string;
  readonly registry: string;
  /** The whole environment of the helper. */
  readonly env: Readonly<Record<string, string>>;
}

const timeoutMs = 30_000;
const killGraceMs = 1_000;
const maxOutputBytes = 1024 * 1024;
const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Asks a credential helper (docker-credential-helpers, command `get`) for a registry. Returns undefined when the helper has nothing for it; rejects with
 * `credential_helper_failed` when the helper is missing or fails, and with `registry_unreachable` when the helper reaches its cloud at another time.
 */
export async function askHelper({
  name,
  registry,
  env,
}: HelperOptions): Promise<RegistryCredentials | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw failed(program, 'is not a name of a program');
  const { code, stdout } = await runForOutput({
    ...{ command: program, args: ['get'], input: registry, env, killGraceMs, maxOutputBytes },
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.name === 'TimeoutError') throw failed(program, `did not answer within ${timeoutMs} ms`);
    throw failed(
      program,
      error.code === 'ENOENT' ? 'is not on the PATH of the worker' : `does not run: ${error.code}`,
    );
  });
  const out = stdout.toString('utf8');
  if (code !== 0) {
    if (/credentials not found/i.test(out)) return undefined;
    const words = out.trim().slice(0, 300);
    if (/dial tcp|timeout|connection (refused|reset)/i.test(words))
      throw new SlipwayError('registry_unreachable', `${program} for ${registry}: ${words}`);
    throw failed(program, `ended with ${code}: ${words}`);
  }
  const answer = answerSchema.safeParse(parsed(out));
  // What it printed may be a password.
  if (!answer.success) throw failed(program, 'printed no credentials');
  return { username: answer.data.Username, password: answer.data.Secret };
}

const failed = (program: string, problem: string) =>
  new SlipwayError('credential_helper_failed', `The credential helper ${program} ${problem}.`);

function parsed(out: string): unknown {
  try {
    return JSON.parse(out);
  } catch {
    return undefined;
  }
}
