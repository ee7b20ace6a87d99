import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '@slipway/local';
import { root } from '../compose/model.js';
import { startProgram } from '../program.js';

/** A program of `programs/`, ready to run on its generated client. */
interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Generates a client from a document into an empty folder and compiles it, with the options that docs/generated-clients.md shows. */
type Generator = (document: string, folder: string) => Promise<Program>;

const programs = fileURLToPath(new URL('programs', import.meta.url));
const cache = join(root, '.cache', 'generators');
/** The Python with the packages that generated clients import. */
const pythonBin = join(root, '.cache', 'openapi-python-client', 'bin');

/** Returns what a program printed. Rejects with its output unless it exits with 0. */
export async function succeed(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const { exit, out, err } = await startProgram(command, args, options).ended;
  if (exit !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${exit}: ${out}${err}`);
  return out;
}

async function openapiGenerator(language: string, document: string, folder: string): Promise<void> {
  const jar = join(cache, 'openapi-generator-cli.jar');
  await succeed('java', ['-jar', jar, 'generate', '-i', document, '-g', language, '-o', folder]);
}

const python = (program: string, packages: string): Program => ({
  command: join(pythonBin, 'python'),
  args: [join(programs, program)],
  env: { PYTHONPATH: packages },
});

/** Builds a program of the Go module in `programs/go` with a generated package. Modules come from the setup alone. */
async function goProgram(
  name: string,
  folder: string,
  generate: (module: string) => Promise<void>,
): Promise<Program> {
  const module = join(folder, 'module');
  mkdirSync(module);
  for (const part of ['go.mod', 'go.sum', name])
    cpSync(join(programs, 'go', part), join(module, part), { recursive: true });
  await generate(module);
  const command = join(folder, name);
  await succeed('go', ['build', '-mod=readonly', '-trimpath', '-o', command, `./${name}`], {
    cwd: module,
    env: { CGO_ENABLED: '0', GOFLAGS: '', GOPROXY: 'off', GOWORK: 'off' },
  });
  return { command, args: [] };
}

/** Compiler options for CommonJS output: the generated imports name no file extensions. */
const typescriptOptions = {
  module: 'commonjs',
  moduleResolution: 'bundler',
  target: 'es2022',
  lib: ['es2022', 'dom'],
  strict: true,
  types: [],
  rootDir: 'client',
  outDir: 'compiled',
};

/** The generators of docs/generated-clients.md, by name. */
export const generators: Readonly<Record<string, Generator>> = {
  'openapi-python-client': async (document, folder) => {
    const generator = findTool('openapi-python-client') ?? 'openapi-python-client';
    // The generator formats its output with ruff.
    const env = { PATH: [pythonBin, process.env.PATH].join(delimiter) };
    const client = join(folder, 'client');
    await succeed(generator, ['generate', '--path', document, '--output-path', client], { env });
    return python('openapi_python_client.py', client);
  },
  'openapi-generator python': async (document, folder) => {
    await openapiGenerator('python', document, folder);
    return python('openapi_generator.py', folder);
  },
  'openapi-generator go': (document, folder) =>
    goProgram('openapi-generator', folder, async (module) => {
      const client = join(module, 'openapi');
      await openapiGenerator('go', document, client);
      // A package in the program's module, not a separate module.
      rmSync(join(client, 'go.mod'));
    }),
  'openapi-generator typescript-fetch': async (document, folder) => {
    await openapiGenerator('typescript-fetch', document, join(folder, 'client'));
    const options = { compilerOptions: typescriptOptions, include: ['client'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
    await succeed(join(root, 'node_modules', '.bin', 'tsc'), ['--project', folder]);
    const script = join(programs, 'typescript-fetch.mjs');
    return { command: process.execPath, args: [script, join(folder, 'compiled', 'index.js')] };
  },
  'oapi-codegen': (document, folder) =>
    goProgram('oapi-codegen', folder, async (module) => {
      const generator = findTool('oapi-codegen') ?? 'oapi-codegen';
      const code = await succeed(generator, [
        ...['-generate', 'types,client', '-package', 'slipway'],
        document,
      ]);
      mkdirSync(join(module, 'slipway'));
      writeFileSync(join(module, 'slipway', 'slipway.go'), code);
    }),
};

const lint = fileURLToPath(new URL('lint', import.meta.url));
const linter = (name: string) => join(cache, 'lint', 'node_modules', '.bin', name);

/** Linters by name. Each rejects with the findings in a document, warnings included. `lint/` turns off some rules, each with its reason. */
export const linters: Readonly<Record<string, (document: string) => Promise<string>>> = {
  spectral: (document) =>
    succeed(linter('spectral'), [
      ...['lint', document, '--ruleset', join(lint, 'spectral.yaml')],
      ...['--fail-severity', 'hint'],
    ]),
  redocly: (document) =>
    succeed(linter('redocly'), ['lint', document, '--config', join(lint, 'redocly.yaml')], {
      env: { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    }),
};
