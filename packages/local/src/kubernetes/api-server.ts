import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { type CertificateFiles, createAuthority } from '../certificates.js';
import { onFreePort } from '../free-port.js';
import { type ProcessHandle, startProcess } from '../process.js';
import { temporaryFolder } from '../temporary-folder.js';
import { requireKubernetesTool } from '../tools.js';
import { startEtcd } from './etcd.js';
import { createKubectl, type Kubectl } from './kubectl.js';

export interface KubernetesApiOptions {
  /** An empty folder for its files and logs. Left out: a temporary folder, removed when it is stopped. */
  readonly dir?: string;
  /** The address of the node, on which pods reach the API server. Left out: it listens on 127.0.0.1 alone. */
  readonly nodeAddress?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

/** A Kubernetes API server with its etcd. No controller runs: what is written stays as it is, and no pod starts. */
export interface KubernetesApi {
  /** `https://ADDRESS:PORT` */
  readonly url: string;
  /** A file for kubectl and other clients, with all rights. */
  readonly kubeconfig: string;
  /** A bearer token with all rights. */
  readonly token: string;
  /** The certificate of the authority that signed the server's certificate, as a PEM file. */
  readonly caFile: string;
  /** The private key of service-account tokens, as a PEM file. */
  readonly serviceAccountKeyFile: string;
  /** kubectl with all rights. */
  readonly kubectl: Kubectl;
  /** The last lines of the API server. */
  recentLines(): readonly string[];
  /** Stops the API server, then etcd. Harmless when repeated. */
  stop(): Promise<void>;
}

/** Addresses of Services; the first one is the API server's own. */
const serviceRange = { cidr: '10.96.0.0/16', first: '10.96.0.1' };
const readyTimeoutMs = 120_000;

/** Starts a real API server on a free port, with the admission and validation that clusters have. */
export async function startKubernetesApi(options: KubernetesApiOptions = {}): Promise<KubernetesApi> {
  const temporary = options.dir === undefined ? await temporaryFolder() : undefined;
  const dir = options.dir ?? temporary?.path ?? '';
  const { nodeAddress, signal } = options;
  const steps: (() => Promise<void>)[] = temporary ? [temporary.remove] : [];
  const stop = async () => {
    for (let step = steps.pop(); step; step = steps.pop()) await step();
  };
  try {
    const files = await writeFiles({ dir, nodeAddress });
    const etcdFolder = join(dir, 'etcd');
    await mkdir(etcdFolder, { mode: 0o700 });
    const etcd = await startEtcd({ dir: etcdFolder, ...(signal && { signal }) });
    steps.push(() => etcd.stop());
    const server = await startServer({ dir, etcdUrl: etcd.url, files, nodeAddress, signal });
    steps.push(() => server.stop());
    const { url, recentLines } = server;
    const kubeconfig = join(dir, 'kubeconfig');
    await writeKubeconfig({ path: kubeconfig, url, ...files });
    const { token, caFile, serviceAccountKeyFile } = files;
    const kubectl = createKubectl(kubeconfig);
    return { url, kubeconfig, token, caFile, serviceAccountKeyFile, kubectl, recentLines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Files = Awaited<ReturnType<typeof writeFiles>>;

async function writeFiles({ dir, nodeAddress }: { dir: string; nodeAddress: string | undefined }) {
  const { caFile, issue } = await createAuthority(dir);
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const serving = await issue('api-server', {
    hosts: [...names, serviceRange.first, ...(nodeAddress === undefined ? [] : [nodeAddress])],
  });
  const frontProxy = await issue('front-proxy');
  const serviceAccountKeyFile = join(dir, 'service-accounts.pem');
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeFile(serviceAccountKeyFile, privateKey, { mode: 0o600 });
  const token = randomBytes(24).toString('hex');
  const tokensFile = join(dir, 'tokens.csv');
  await writeFile(tokensFile, `${token},administrator,administrator,system:masters\n`, { mode: 0o600 });
  return { caFile, serving, frontProxy, serviceAccountKeyFile, token, tokensFile };
}

interface ServerOptions {
  readonly dir: string;
  readonly etcdUrl: string;
  readonly files: Files;
  readonly nodeAddress: string | undefined;
  readonly signal: AbortSignal | undefined;
}

function startServer(options: ServerOptions): Promise<ProcessHandle & { readonly url: string }> {
  const { dir, etcdUrl, files, nodeAddress, signal } = options;
  const command = requireKubernetesTool('kube-apiserver');
  const address = nodeAddress ?? '127.0.0.1';
  return onFreePort(undefined, async (port) => {
    const url = `https://${address}:${port}`;
    const handle = await startProcess({
      name: 'kube-apiserver',
      command,
      args: [
        ...[`--etcd-servers=${etcdUrl}`, `--secure-port=${port}`, `--advertise-address=${address}`],
        `--bind-address=${nodeAddress === undefined ? address : '0.0.0.0'}`,
        // The Service of the API server needs an address that pods can reach.
        ...(nodeAddress === undefined ? ['--endpoint-reconciler-type=none'] : []),
        `--service-cluster-ip-range=${serviceRange.cidr}`,
        ...['--authorization-mode=RBAC', '--allow-privileged=true', '--profiling=false'],
        // No name server knows the node.
        ...['--kubelet-preferred-address-types=InternalIP'],
        ...['--service-account-issuer=https://kubernetes.default.svc'],
        `--service-account-key-file=${files.serviceAccountKeyFile}`,
        `--service-account-signing-key-file=${files.serviceAccountKeyFile}`,
        `--token-auth-file=${files.tokensFile}`,
        ...pair('tls-cert-file', 'tls-private-key-file', files.serving),
        `--client-ca-file=${files.caFile}`,
        // For servers of further APIs, such as KEDA's metrics.
        ...pair('proxy-client-cert-file', 'proxy-client-key-file', files.frontProxy),
        ...[`--requestheader-client-ca-file=${files.caFile}`, '--requestheader-allowed-names=front-proxy'],
        ...['--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group'],
        ...['--requestheader-extra-headers-prefix=X-Remote-Extra-', '--enable-aggregator-routing=true'],
      ],
      logFile: join(dir, 'kube-apiserver.log'),
      readyTimeoutMs,
      ready: async () => (await statusOf(`${url}/readyz`, files)) === 200,
      ...(signal && { signal }),
    });
    return { ...handle, url };
  });
}

const pair = (certificate: string, key: string, { certFile, keyFile }: CertificateFiles) => [
  `--${certificate}=${certFile}`,
  `--${key}=${keyFile}`,
];

async function statusOf(url: string, { caFile, token }: Files): Promise<number | undefined> {
  const ca = await readFile(caFile);
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = get(url, { ca, headers, timeout: 5_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer within 5 s')));
  });
}

interface KubeconfigOptions extends Pick<Files, 'caFile' | 'token'> {
  readonly path: string;
  readonly url: string;
}

async function writeKubeconfig({ path, url, caFile, token }: KubeconfigOptions): Promise<void> {
  const name = 'tests';
  // JSON is YAML.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
}
