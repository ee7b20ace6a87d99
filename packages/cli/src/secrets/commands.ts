import { readFile, writeFile } from 'node:fs/promises';
import { Secret } from '@slipway/shared/config';
import { generateKeyPair, keyIdOf, openSecrets, parseSealedSecrets } from '@slipway/shared/sealing';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { keyOfServer, type SecretFiles, said, sealFiles } from './seal-files.js';

export interface KeygenOptions {
  readonly output: string;
  readonly json?: boolean;
}

/** Creates a key pair for a fleet: a file with the private key, and one beside it with the public key. */
export async function keygen(options: KeygenOptions, { terminal }: CommandContext): Promise<ExitCode> {
  const { publicKey, privateKey } = generateKeyPair();
  const publicFile = `${options.output}.pub`;
  await writeNew(options.output, `${privateKey.reveal()}\n`, 0o600);
  await writeNew(publicFile, `${publicKey}\n`, 0o644);
  const { out, err } = terminal;
  const made = { key_id: keyIdOf(publicKey), public_key: publicKey };
  if (options.json) {
    out.line(JSON.stringify({ ...made, private_key_file: options.output, public_key_file: publicFile }));
    return exitCodes.ok;
  }
  out.line(publicKey);
  err.line(
    `The private key is in ${options.output}: give it to the builders (BUILD_SECRETS_PRIVATE_KEY_FILE).`,
  );
  err.line(`The public key is in ${publicFile} too; its id is ${made.key_id}.`);
  return exitCodes.ok;
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError({
      message: code === 'EEXIST' ? `${path} already exists` : `${path} cannot be written: ${code}`,
      remedy: 'Name another file with --output. Secrets that were sealed for a lost key cannot be opened.',
      exitCode: exitCodes.usage,
    });
  }
}

export interface SealCommandOptions extends CommonOptions {
  readonly key?: string;
  readonly output?: string;
}

/** Seals files for the builders of the server, or for the key in a file. */
export async function seal(
  files: SecretFiles,
  options: SealCommandOptions,
  { terminal, env }: CommandContext,
): Promise<ExitCode> {
  const publicKey =
    options.key === undefined
      ? await keyOfServer(await connect({ options, env }))
      : (await readText(options.key, 'key')).trim();
  const sealed = await sealFiles({ files, folder: process.cwd(), publicKey });
  if (options.output === undefined) terminal.out.write(sealed);
  else await writeNew(options.output, sealed, 0o644);
  return exitCodes.ok;
}

export interface UnsealOptions {
  readonly key: string;
  readonly show?: boolean;
  readonly json?: boolean;
}

/** Opens a sealed file and prints the names of its secrets; with `--show` also their values. */
export async function unseal(
  file: string,
  options: UnsealOptions,
  { terminal: { out } }: CommandContext,
): Promise<ExitCode> {
  const content = Buffer.from(await readText(file, 'sealed file'));
  const privateKey = new Secret((await readText(options.key, 'key')).trim());
  const opened = said(() => openSecrets({ sealed: parseSealedSecrets(content), privateKey }));
  try {
    for (const [name, value] of opened) {
      const text = options.show ? Buffer.from(value.reveal()).toString('utf8') : undefined;
      if (options.json) {
        out.line(JSON.stringify({ name, bytes: value.length, ...(text !== undefined && { value: text }) }));
      } else out.line(text === undefined ? `${name}  ${value.length} bytes` : `${name}=${text}`);
    }
  } finally {
    for (const value of opened.values()) value.wipe();
  }
  return exitCodes.ok;
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError({
      message: `the ${what} ${path} cannot be read: ${code === 'ENOENT' ? 'file not found' : code}`,
      exitCode: exitCodes.usage,
    });
  }
}
