import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { busybox, dockerfile, scratchFolder } from '../context.js';

/** A function of a `stack.yaml`. Its handler is one file, `handler.txt`, or a Dockerfile and a busybox. */
export interface ProjectFunction {
  readonly image: string;
  /** `tiny` lays the handler over a template; `dockerfile` is the handler alone. */
  readonly lang: 'tiny' | 'dockerfile';
  /** Lines of the Dockerfile after its base; for `dockerfile` alone. */
  readonly lines?: readonly string[];
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Name of the secret → its value. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Lines that the Dockerfile of the template `tiny` has after its base. */
const tinyLines = [
  'ARG GREETING=hello',
  'COPY function /function',
  'RUN echo "$GREETING from" && cat /function/handler.txt',
];

interface ProjectOptions {
  readonly functions: Readonly<Record<string, ProjectFunction>>;
  /** True when the test runs the images, which then need a busybox. Default true. */
  readonly runnable?: boolean;
  /** True to write a `stack.yaml`. Default true. */
  readonly stackFile?: boolean;
  readonly tinyLines?: readonly string[];
}

/** Creates a project folder for `faas-cli`: `stack.yaml`, handlers and two templates. */
export function makeProject({
  functions,
  runnable = true,
  stackFile = true,
  tinyLines: lines = tinyLines,
}: ProjectOptions): string {
  const folder = scratchFolder();
  const write = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const base = (place: string, own: readonly string[]) => {
    write(`${place}/Dockerfile`, runnable ? dockerfile(...own) : 'FROM scratch\nCOPY . /\n');
    if (runnable) copyFileSync(busybox(), join(folder, place, 'busybox'));
  };
  write('template/tiny/template.yml', 'language: tiny\n');
  base('template/tiny', lines);
  // faas-cli requires the folder, but reads nothing from it.
  write('template/dockerfile/template.yml', 'language: dockerfile\n');
  const entries = Object.entries(functions).map(([name, fn]) => {
    write(`${name}/handler.txt`, `the handler of ${name}\n`);
    if (fn.lang === 'dockerfile') base(name, fn.lines ?? []);
    const secrets = Object.entries(fn.secrets ?? {}).map(([id, value]) => {
      write(`.secrets/${name}/${id}`, value);
      return [id, `./.secrets/${name}/${id}`];
    });
    const entry = {
      lang: fn.lang,
      handler: `./${name}`,
      image: fn.image,
      ...(fn.buildArgs && { build_args: fn.buildArgs }),
      ...(secrets.length > 0 && { build_secrets: Object.fromEntries(secrets) }),
    };
    return [name, entry];
  });
  const provider = { name: 'openfaas', gateway: 'http://127.0.0.1:8080' };
  // JSON is YAML too.
  const stack = { version: '1.0', provider, functions: Object.fromEntries(entries) };
  if (stackFile) write('stack.yaml', JSON.stringify(stack, undefined, 2));
  return folder;
}
