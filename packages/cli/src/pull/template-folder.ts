import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Interrupted, Interruption } from '../build/interruption.js';
import type { CommandContext } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { isTemplateName } from '../stack/overlay.js';
import { readStackFile, templateSource } from '../stack/plan.js';
import { parseStack } from '../stack/stack-file.js';
import { findStackFile } from '../stack/stack-path.js';
import { type PullOptions, puller } from './options.js';

/** Options of a command that fetches one template. */
export interface TemplateFolderOptions extends PullOptions {
  /** The stack file with `configuration.templates`. */
  readonly yaml?: string;
  readonly envsubst: boolean;
}

interface ProvideFolder {
  /** The folder as the user wrote it, such as `./template/node`. */
  readonly folder: string;
  readonly options: TemplateFolderOptions;
  readonly env: CommandContext['env'];
  readonly say: (step: string, text: string) => void;
}

/** Fetches a template whose folder in `./template` is missing. Does nothing for a folder elsewhere. */
export async function provideFolder({ folder, options, env, say }: ProvideFolder): Promise<void> {
  const project = process.cwd();
  const lang = relative(join(project, 'template'), resolve(folder));
  if (lang === '' || lang.startsWith('..') || !isTemplateName(lang) || existsSync(folder)) return;
  const file = findStackFile(options.yaml);
  const { envsubst } = options;
  const stack =
    options.yaml === undefined && !existsSync(file)
      ? undefined
      : parseStack({ file, env, envsubst, text: await readStackFile({ file, folder: project }) });
  const source = stack && templateSource(stack, lang);
  const interruption = new Interruption();
  try {
    const { signal } = interruption;
    await puller({ options, folder: project, env, signal, say })([{ lang, functions: [], source }]);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new CommandError({ message: 'stopped: no template was sent', exitCode: exitCodes.failed });
  } finally {
    interruption.close();
  }
}
