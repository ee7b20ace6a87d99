import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A function that the demo builds. */
export interface DemoFunction {
  readonly name: string;
  readonly about: string;
  /** Returns the folder to build; `scratch` is a free path for a generated folder. */
  readonly prepare: (scratch: string) => Promise<string>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly ends: 'succeeded' | 'failed';
}

const examples = fileURLToPath(new URL('../../../../examples', import.meta.url));
const example = (name: string) => async () => join(examples, name);
const generatedFiles = 300;

export const demoFunctions: readonly DemoFunction[] = [
  {
    name: 'http-handler',
    about: 'a Node HTTP handler',
    prepare: example('http-handler'),
    buildArgs: {},
    ends: 'succeeded',
  },
  {
    name: 'build-args',
    about: 'with build arguments',
    prepare: example('build-args'),
    buildArgs: { VERSION: '1.0', GREETING: 'Good morning' },
    ends: 'succeeded',
  },
  {
    name: 'multi-stage',
    about: 'built in two stages',
    prepare: example('multi-stage'),
    buildArgs: {},
    ends: 'succeeded',
  },
  {
    name: 'many-files',
    about: `with ${generatedFiles} generated files`,
    prepare: withGeneratedFiles,
    buildArgs: {},
    ends: 'succeeded',
  },
  {
    name: 'http-handler-twin',
    about: 'the same files as the first',
    prepare: example('http-handler'),
    buildArgs: {},
    ends: 'succeeded',
  },
  {
    name: 'fails-on-purpose',
    about: 'stopped by its own test',
    prepare: example('fails-on-purpose'),
    buildArgs: {},
    ends: 'failed',
  },
];

async function withGeneratedFiles(scratch: string): Promise<string> {
  await cp(join(examples, 'many-files'), scratch, { recursive: true });
  const folder = join(scratch, 'generated');
  await mkdir(folder, { recursive: true });
  for (let number = 1; number <= generatedFiles; number++) {
    await writeFile(join(folder, `${number}.js`), `module.exports = ${number};\n`);
  }
  return scratch;
}
