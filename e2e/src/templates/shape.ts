import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImageConfig } from '../images/pulled-image.js';

/** Path → content. `x ` before a path makes the file executable; content that begins with `-> ` is a link. */
export type Files = Readonly<Record<string, string>>;

/**
 * A template with a function over it, made of the constructs that the official template of this name uses. `{registry}` in a
 * Dockerfile becomes the test registry. `{answer}` in a handler becomes the first words of the function's answer.
 */
export interface Shape {
  /** The name of the template, the function and their folders. */
  readonly name: string;
  /** Undefined for `lang: dockerfile`, whose handler is the whole context. */
  readonly template?: Files;
  readonly handler: Files;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly buildOptions?: readonly string[];
  /** The packages that `buildOptions` expand to in ADDITIONAL_PACKAGE. */
  readonly packages?: string;
  /** Fields of the image's configuration, besides those that every function has. */
  readonly config: Partial<ImageConfig>;
  /** Paths that the image must have, with their content. */
  readonly present?: Files;
  readonly absent?: readonly string[];
}

export const dockerfileOf = ({ template, handler }: Shape): string => (template ?? handler).Dockerfile ?? '';

interface WriteOptions {
  readonly folder: string;
  readonly files: Files;
  readonly registry: string;
  readonly answer: string;
}

export function writeFiles({ folder, files, registry, answer }: WriteOptions): void {
  for (const [key, raw] of Object.entries(files)) {
    const path = join(folder, key.replace(/^x /, ''));
    const text = raw.replaceAll('{registry}', registry).replaceAll('{answer}', answer);
    mkdirSync(dirname(path), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), path);
    else {
      // Latin-1, so that a shape can hold bytes that are no text.
      writeFileSync(path, text, 'latin1');
      chmodSync(path, key.startsWith('x ') ? 0o755 : 0o644);
    }
  }
}
