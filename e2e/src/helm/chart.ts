import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool } from '@slipway/local';
import { parse, parseAllDocuments } from 'yaml';
import { root } from '../compose/model.js';

export const chartFolder = join(root, 'deploy', 'helm', 'slipway');

/** The oldest supported version of Kubernetes, and the version of the golden files. */
const kubernetes = { oldest: '1.29.0', golden: '1.34.0' };

/** The programs of Helm 3 and Helm 4. */
export const helms = ['helm', 'helm4'] as const;
export type Helm = (typeof helms)[number];

/** An object of Kubernetes. Tests read the fields that they need. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** The names of the value files in the chart's folder `ci`. */
export const valueFiles = readdirSync(join(chartFolder, 'ci'))
  .map((file) => file.replace(/-values\.yaml$/, ''))
  .toSorted();

export interface RenderOptions {
  readonly helm?: Helm;
  /** The name of a file in `ci`. */
  readonly file?: string;
  /** More values, as JSON. They win over the file. */
  readonly values?: unknown;
  readonly kubeVersion?: string;
}

/** Runs Helm and returns its standard output. Rejects with what Helm writes on standard error. */
export async function runHelm(args: readonly string[], helm: Helm = 'helm'): Promise<string> {
  const command = findTool(helm);
  if (command === undefined) throw new Error(`${helm} is not installed`);
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** Returns the arguments for values of a file, and for more values. */
export const valueArguments = ({ file, values }: Pick<RenderOptions, 'file' | 'values'>) => [
  ...(file === undefined ? [] : ['--values', join(chartFolder, 'ci', `${file}-values.yaml`)]),
  ...Object.entries(values ?? {}).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ]),
];

const rendered = new Map<string, Promise<string>>();

/** Returns the manifests of the release `slipway` in the namespace `slipway`, as text. Equal options are rendered once. */
export function renderText(options: RenderOptions): Promise<string> {
  const { helm, kubeVersion = kubernetes.golden } = options;
  const names = ['template', 'slipway', chartFolder, '--namespace', 'slipway'];
  const args = [...names, '--kube-version', kubeVersion, ...valueArguments(options)];
  const key = JSON.stringify([helm, args]);
  const text = rendered.get(key) ?? runHelm(args, helm);
  rendered.set(key, text);
  return text;
}

/** Returns the objects of the release `slipway` in the namespace `slipway`. */
export async function render(options: RenderOptions): Promise<KubernetesObject[]> {
  return objectsOf(await renderText(options));
}

/** Returns the objects in manifests. */
export function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** Replaces the values of Secrets, which are random, by their sizes. */
export function withoutRandomValues(text: string): string {
  return text
    .split(/^(?=---$)/m)
    .map((document) => {
      if (parse(document)?.kind !== 'Secret') return document;
      return document.replace(
        /^( {2}[\w.-]+): "([A-Za-z0-9+/=]+)"$/gm,
        (_, name, value) => `${name}: "${Buffer.from(value, 'base64').length} bytes"`,
      );
    })
    .join('');
}
