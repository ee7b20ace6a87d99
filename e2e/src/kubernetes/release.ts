import { type Client, createClient } from '@slipway/client';
import { expect, vi } from 'vitest';
import { chartFolder, runHelm, valueArguments } from '../helm/chart.js';
import { measured } from './figures.js';
import type { Cluster } from './use-cluster.js';

/** An installation of the chart in a namespace of its own. */
export interface Release {
  readonly namespace: string;
  /** The address of the API's Service. */
  readonly url: string;
  readonly token: string;
  /** A client of that address. */
  readonly client: Client;
  /** Runs kubectl in the namespace. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs `helm ARGUMENTS` in the namespace. */
  helm(...args: string[]): Promise<string>;
  /** Runs `helm upgrade` with these values in the place of those of the installation. */
  upgrade(values: Readonly<Record<string, unknown>>): Promise<void>;
  /** Removes the namespace. Its pods end at once: the node has no room for those of the next installation beside them. */
  remove(): Promise<void>;
}

interface InstallOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** More values of the chart, beside a trial installation with images of this repository. */
  readonly values?: Readonly<Record<string, unknown>>;
}

const name = 'slipway';
/** The tag that e2e/src/kubernetes/prepare.ts gives to Slipway's images. */
const tag = 'local';
/** Its tag of the same images of a later version. */
export const nextTag = 'next';

/** Installs the chart and waits until each pod is ready. */
export async function installRelease(options: InstallOptions): Promise<Release> {
  const { cluster, namespace, values = {} } = options;
  const helm = (...args: string[]) =>
    runHelm([...args, '--namespace', namespace, '--kubeconfig', cluster.kubeconfig]);
  const kubectl = (...args: string[]) => cluster.kubectl(['--namespace', namespace, ...args]);
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  const trial = { dev: { enabled: true }, image: { tag } };
  const put = (verb: string, more: Readonly<Record<string, unknown>>) =>
    helm(verb, name, chartFolder, ...valueArguments({ values: { ...trial, ...more } }));
  await measured(`${namespace}: installed`, put('install', values));
  // Hooks cannot use `expect.poll`.
  const ready = vi.waitFor(async () => expect(await cluster.unready(namespace)).toEqual([]), {
    timeout: 300_000,
    interval: 250,
  });
  await measured(`${namespace}: pods ready`, ready);
  const read = (kind: string, object: string, path: string) =>
    kubectl('get', kind, object, '--output', `jsonpath={${path}}`);
  const secret = await read('secret', `${name}-dev`, '.data.api-token');
  const token = Buffer.from(secret, 'base64').toString();
  const url = `http://${await read('service', `${name}-api`, '.spec.clusterIP')}:8080`;
  return {
    ...{ namespace, url, token },
    client: createClient({ url, token }),
    kubectl,
    helm,
    async upgrade(more) {
      await put('upgrade', more);
    },
    async remove() {
      await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
      await kubectl('delete', 'pods', '--all', '--force', '--grace-period=0');
    },
  };
}
