import { type Base, canonicalImage, maxBases, maxBasesBytes } from '../contracts/index.js';

/**
 * The name that BuildKit gives to the step of a base image: `[build  1/14] FROM docker.io/library/node:22@sha256:…`. Without brackets for
 * `COPY --from` and mounts. BuildKit writes the digest; a stage has no space and no bracket in its name, so no RUN has such a name.
 */
const step = /^(?:\[[^\]\r\n]{1,300}\] )?FROM (\S{1,1100})@(sha256:[0-9a-f]{64})$/;

/** Returns the base image that a step of BuildKit loads, with its reference without the digest; undefined for any other step. */
export function baseOfStep(name: string): (Base & { readonly digest: string }) | undefined {
  if (name.length > maxStepUnits || !name.includes('FROM ')) return undefined;
  const [, image = '', digest = ''] = step.exec(name) ?? [];
  const reference = canonicalImage(image);
  return reference === undefined ? undefined : { reference, digest };
}
const maxStepUnits = 2_000;

/** Collects base images. Keeps each pair of reference and digest once, and at most `maxBases` and `maxBasesBytes` of them. */
export class BaseList {
  readonly #found = new Map<string, Base>();
  #bytes = 0;

  add(base: Base): void {
    const key = `${base.reference} ${base.digest}`;
    if (this.#found.has(key) || this.#found.size === maxBases) return;
    this.#bytes += Buffer.byteLength(JSON.stringify(base)) + 1;
    if (this.#bytes <= maxBasesBytes) this.#found.set(key, base);
  }

  values(): Base[] {
    return [...this.#found.values()];
  }
}

const prefixed = /^[vsl]: /;
const timed = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,12} (?:CACHED )?([^\r\n]*?)(?: \d{1,7}\.\d{1,3}s)?$/;
const run = /^(?:\[[^\]\r\n]{1,300}\] )?RUN\b/;

/**
 * Reads the base images from the log of a builder whose result does not have them. Such a builder writes BuildKit's steps into its log, with
 * the digest of the index or manifest that each reference had.
 *
 * A RUN can print any text, so a line counts only if no RUN can have printed it. In a log that begins with `v:`, `s:` or `l:` all
 * output has `l:`, so a line with `v:` is a step's name. In a log without them, lines count until the first RUN begins.
 */
export class LoggedBases {
  readonly #bases = new BaseList();
  #hasPrefixes: boolean | undefined;
  #mayBeOutput = false;

  read(lines: readonly string[]): void {
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '' || this.#mayBeOutput) return;
    this.#hasPrefixes ??= prefixed.test(line);
    if (this.#hasPrefixes && !line.startsWith('v: ')) return;
    const text = this.#hasPrefixes ? line.slice(3, maxStepUnits) : line.slice(0, maxStepUnits);
    const [, name = ''] = timed.exec(text) ?? [];
    if (!this.#hasPrefixes && run.test(name)) this.#mayBeOutput = true;
    const base = baseOfStep(name);
    if (base) this.#bases.add(base);
  }

  values(): Base[] {
    return this.#bases.values();
  }
}
