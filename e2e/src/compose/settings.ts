import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { root } from './model.js';

export interface ReadSettings {
  /** The variables that a service read. */
  readonly read: readonly string[];
  /** The value of SHUTDOWN_GRACE_MS or its default; undefined after a failed start. */
  readonly shutdownGraceMs?: number;
  /** The reason for a failed start. */
  readonly problem?: string;
}

/** Runs in a separate process. `fields` and `config` are modules, `env` is the service's environment. */
const script = `
const { fields, config, env } = JSON.parse(process.argv[1]);
const { Fields } = await import(fields);
const read = new Set();
for (const [name, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(Fields.prototype))) {
  if (name === 'constructor') continue;
  Fields.prototype[name] = function (variable, ...rest) {
    for (const each of [variable].flat()) read.add(each);
    if (/secret/i.test(name)) read.add(variable + '_FILE');
    return method.call(this, variable, ...rest);
  };
}
const { loadConfig } = await import(config);
let problem, shutdownGraceMs;
try {
  shutdownGraceMs = loadConfig(env).shutdownGraceMs;
} catch (error) {
  problem = error.message;
}
process.stdout.write(JSON.stringify({ read: [...read], problem, shutdownGraceMs }));
`;

/** Lets the compiled configuration of a service read an environment. Returns the variables that it read. */
export async function readSettings(
  service: 'api' | 'worker' | 'builder',
  env: Readonly<Record<string, string>>,
): Promise<ReadSettings> {
  const moduleAt = (...path: string[]) => pathToFileURL(join(root, ...path)).href;
  const fields = moduleAt('packages', 'shared', 'dist', 'config', 'index.js');
  const config = moduleAt('services', service, 'dist', 'config.js');
  const given = JSON.stringify({ fields, config, env });
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '--eval', script, given],
  ]);
  return JSON.parse(stdout);
}

/** Returns the variables that deploy/Dockerfile sets for an image, from all its stages. */
export async function imageEnvironment(target: string): Promise<Record<string, string>> {
  const text = await readFile(join(root, 'deploy', 'Dockerfile'), 'utf8');
  const stages = text.split(/^FROM /m).slice(1);
  const stage = stages.find((each) => each.split('\n', 1)[0]?.endsWith(` AS ${target}`)) ?? '';
  const base = stage.split(' ', 1)[0] ?? '';
  const own = [...stage.matchAll(/^ENV (.*)$/gm)].flatMap(([, pairs = '']) => pairs.split(' '));
  const entries = own.map((pair) => [pair.split('=', 1)[0], pair.slice(pair.indexOf('=') + 1)]);
  return { ...(stage === '' ? {} : await imageEnvironment(base)), ...Object.fromEntries(entries) };
}
