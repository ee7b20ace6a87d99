import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SlipwayError } from '../errors/index.js';

/** `user:password` in base64, as `docker login` writes it. */
const auth = z.string().refine((text) => text === '' || isLogin(text), 'is not user:password in base64');

const configSchema = z.looseObject({
  auths: z
    .record(z.string(), z.looseObject({ auth: auth.optional(), identitytoken: z.string().optional() }))
    .nullish(),
  /** Host of a registry → suffix of a helper's name, `docker-credential-<name>`. */
  credHelpers: z.record(z.string(), z.string()).nullish(),
  /** The helper of all other registries. */
  credsStore: z.string().nullish(),
});

export type DockerConfig = z.infer<typeof configSchema>;

/**
 * Returns `config.json` of a folder; a missing file is an empty config. Rejects with `registry_config_invalid` for an unreadable
 * file. The engines would either ignore such a file and push without credentials, or fail with an unrelated error.
 */
export async function readDockerConfig(folder: string): Promise<DockerConfig> {
  const path = join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw invalid(path, `cannot be read (${code})`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The message of the parser quotes the file, which holds passwords.
    throw invalid(path, 'is not valid JSON', error);
  }
  const { data, error } = configSchema.safeParse(value);
  if (data) return data;
  const [issue] = error.issues;
  throw invalid(
    path,
    `does not fit: ${issue?.path.join('.') || 'the file'} ${issue?.message ?? ''}`,
    undefined,
  );
}

function invalid(path: string, problem: string, cause: unknown): SlipwayError {
  const { code, name } = (cause ?? {}) as { code?: string; name?: string };
  return new SlipwayError('registry_config_invalid', `${path} ${problem}.`, { cause: code ?? name });
}

function isLogin(text: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').includes(':');
}
