import { type Client, createClient } from '@slipway/client';
import { expect, vi } from 'vitest';
import { chartFolder, runHelm, valueArguments } from '../helm/chart.js';
import { measured } from './figures.js';
import type { Cluster } from './use-cluster.js';

/** An installation of the chart in a namespace of its own. */
export interface Release {
  readonly namespace: string;
  /** A client of the API's Service. */
  readonly client: Client;
  /** Runs kubectl in the namespace. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs `helm ARGUMENTS` in the namespace. */
  helm(...args: string[]): Promise<string>;
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
/** The tag that e2e/src/kubernetes/prepare.ts gives to Slipway's images. It gives the tag `next` to the same images of a later version. */
const tag = 'local';

/** Installs the chart and waits until each pod is ready. */
export async function installRelease(options: InstallOptions): Promise<Release> {
  const { cluster, namespace, values = {} } = options;
  const helm = (...args: string[]) =>
    runHelm([...args, '--namespace', namespace, '--kubeconfig', cluster.kubeconfig]);
  const kubectl = (...args: string[]) => cluster.kubectl(['--namespace', namespace, ...args]);
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  const trial = { dev: { enabled: true }, image: { tag } };
  await measured(
    `${namespace}: installed`,
    helm('install', name, chartFolder, ...valueArguments({ values: { ...trial, ...values } })),
  );
  // Hooks cannot use `expect.poll`.
  const ready = vi.waitFor(async () => expect(await cluster.unready(namespace)).toEqual([]), {
    timeout: 300_000,
    interval: 250,
  });
  await measured(`${namespace}: pods ready`, ready);
  const read = (kind: string, object: string, path: string) =>
    kubectl('get', kind, object, '--output', `jsonpath={${path}}`);
  const token = await read('secret', `${name}-dev`, '.data.api-token');
  const address = await read('service', `${name}-api`, '.spec.clusterIP');
  return {
    namespace,
    client: createClient({
      url: `http://${address}:8080`,
      token: Buffer.from(token, 'base64').toString(),
    }),
    kubectl,
    helm,
    async remove() {
      await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
      await kubectl('delete', 'pods', '--all', '--force', '--grace-period=0');
    },
  };
}
