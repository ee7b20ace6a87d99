import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from '../context.js';
import { type Files, type Shape, writeFiles } from './shape.js';

interface ProjectOptions {
  readonly shapes: readonly Shape[];
  readonly registry: string;
  /** A part of the images' names, and the first word of each answer. */
  readonly road: string;
}

export const imageOf = ({ registry, road }: ProjectOptions, { name }: Shape): string =>
  `${registry}/${road}/${name}:1`;

export const answerOf = (road: string, { name }: Shape): string => `${road} ${name}`;

/** Returns the build arguments of a shape, with those that `faas-cli` derives from build options. */
export const argumentsOf = ({ buildArgs = {}, packages }: Shape): Readonly<Record<string, string>> => ({
  ...buildArgs,
  ...(packages !== undefined && { ADDITIONAL_PACKAGE: packages }),
});

/**
 * Creates a project folder for `faas-cli` with a function of each shape: `stack.yaml` with build options by name, and
 * `arguments.yaml` with build arguments instead.
 */
export function makeProject(options: ProjectOptions): string {
  const folder = scratchFolder();
  const { shapes, registry, road } = options;
  const write = (place: string, shape: Shape, files: Files) =>
    writeFiles({ folder: join(folder, place), files, registry, answer: answerOf(road, shape) });
  // faas-cli requires the folder, but reads nothing from it.
  mkdirSync(join(folder, 'template/dockerfile'), { recursive: true });
  writeFileSync(join(folder, 'template/dockerfile/template.yml'), 'language: dockerfile\n');
  for (const shape of shapes) {
    write(shape.name, shape, shape.handler);
    if (shape.template) write(`template/${shape.name}`, shape, shape.template);
  }
  const stack = (settings: (shape: Shape) => object) => ({
    version: '1.0',
    provider: { name: 'openfaas', gateway: 'http://127.0.0.1:8080' },
    functions: Object.fromEntries(
      shapes.map((shape) => [
        shape.name,
        {
          lang: shape.template ? shape.name : 'dockerfile',
          handler: `./${shape.name}`,
          image: imageOf(options, shape),
          ...settings(shape),
        },
      ]),
    ),
  });
  // JSON is YAML too.
  const file = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content));
  file(
    'stack.yaml',
    stack(({ buildArgs, buildOptions }) => ({ build_args: buildArgs, build_options: buildOptions })),
  );
  file(
    'arguments.yaml',
    stack((shape) => ({ build_args: argumentsOf(shape) })),
  );
  return folder;
}

/** Lays the context of each shape at a folder of its name: the template, the handler at `function`. */
export function layContexts(options: ProjectOptions): string {
  const folder = scratchFolder();
  const { shapes, registry, road } = options;
  for (const shape of shapes) {
    const write = (place: string, files: Files) =>
      writeFiles({ folder: join(folder, place), files, registry, answer: answerOf(road, shape) });
    const { name, template, handler } = shape;
    if (template) write(name, template);
    write(template ? join(name, 'function') : name, handler);
  }
  return folder;
}
