import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { busybox, scratchFolder, sh } from '../context.js';
import { addSharedLibraries } from '../images/stand-ins.js';
import { type ProgramName, programs } from './programs.js';
import { type Layer, layerOf, pushImage } from './push-image.js';

interface Base {
  /** Without the registry. */
  readonly image: string;
  readonly programs: readonly ProgramName[];
  /** This machine's own Node, as `node`. */
  readonly node?: boolean;
  /** Path → content, besides the programs. */
  readonly files?: Readonly<Record<string, string>>;
  /** Fields of the image's configuration. */
  readonly config?: object;
}

const alpine: readonly ProgramName[] = ['addgroup', 'adduser', 'apk'];
const debian: readonly ProgramName[] = ['addgroup', 'adduser', 'apt-get'];
const lists = { 'var/lib/apt/lists/index': 'packages\n' };
const user = (name: string) => ({
  'etc/passwd': `root:x:0:0::/root:/bin/sh\n${name}:x:1000:1000::/home/${name}:/bin/sh\n`,
  'etc/group': `root:x:0:\n${name}:x:1000:\n`,
});

/** Every image that a shape names in FROM, with the programs that its steps call. */
const bases: readonly Base[] = [
  { image: 'alpine:3.10', programs: alpine },
  { image: 'alpine:3.22.2', programs: alpine },
  { image: 'golang:1.25-alpine', programs: [...alpine, 'go', 'gofmt'] },
  { image: 'node:22-alpine', programs: [...alpine, 'npm'], node: true, files: user('node') },
  { image: 'oven/bun:1.0-alpine', programs: [...alpine, 'bun'] },
  {
    image: 'ghcr.io/puppeteer/puppeteer:21.4.1',
    programs: [...debian, 'npm', 'node'],
    files: { ...user('pptruser'), ...lists },
    config: { User: 'pptruser' },
  },
  { image: 'python:3.12-alpine', programs: [...alpine, 'python', 'pip', 'tox'] },
  { image: 'python:3.12-slim-bookworm', programs: [...debian, 'python', 'pip', 'tox'], files: lists },
  { image: 'openjdk:17-jdk-slim', programs: [...debian, 'curl'] },
  { image: 'openjdk:11-jdk-slim', programs: [...debian, 'curl'] },
  { image: 'openjdk:17-slim', programs: [...debian, 'java'] },
  { image: 'openjdk:11-jre-slim', programs: [...debian, 'java'] },
  { image: 'mcr.microsoft.com/dotnet/sdk:8.0', programs: ['dotnet'] },
  { image: 'mcr.microsoft.com/dotnet/aspnet:8.0', programs: ['dotnet'], files: user('app') },
  { image: 'composer:latest', programs: ['composer'] },
  {
    image: 'php:8.2-alpine',
    programs: [...alpine, 'php'],
    files: { 'usr/src/php/source.tar.xz': 'sources\n' },
  },
  { image: 'ruby:3.4.3-slim', programs: [...debian, 'ruby', 'bundle'], files: lists },
  {
    image: 'acme/functions:1',
    programs: [],
    config: {
      WorkingDir: '/srv',
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'fprocess=./run'],
      Cmd: ['fwatchdog'],
      OnBuild: [
        'COPY --from={registry}/ghcr.io/openfaas/of-watchdog:0.11.3 /fwatchdog /usr/bin/fwatchdog',
        'RUN chmod 755 /usr/bin/fwatchdog',
        'COPY . /srv',
        'RUN echo "as $(id -un)" > triggered',
      ],
    },
  },
];

/** Images that hold the watchdog and nothing else. */
const watchdogs = [
  ...['0.9.12', '0.10.1', '0.10.9', '0.11.3'].map((tag) => `ghcr.io/openfaas/of-watchdog:${tag}`),
  ...['0.3.2', '0.3.3'].map((tag) => `ghcr.io/openfaas/classic-watchdog:${tag}`),
  'openfaas/of-watchdog:0.7.1',
];

const path = 'PATH=/usr/local/bin:/usr/bin:/bin';

/** Pushes stand-ins for all base images: a static busybox, and scripts in place of the programs that need a network. */
export async function pushBases(registry: string): Promise<void> {
  const common = commonLayer();
  const nodeLayer = await layerOfNode();
  for (const { image, programs: names, node, files = {}, config = {} } of bases) {
    const folder = scratchFolder();
    // The first folder of PATH, except for the program that other images copy from /usr/bin.
    for (const name of names) {
      const place = name === 'composer' ? 'usr/bin' : 'usr/local/bin';
      put(folder, `${place}/${name}`, programs[name], 0o755);
    }
    for (const [file, text] of Object.entries(files)) put(folder, file, text, 0o644);
    const layers = [common, ...(node ? [nodeLayer] : []), layerOf(folder)];
    const text = JSON.stringify({ Env: [path], ...config }).replaceAll('{registry}', registry);
    await pushImage({ image: `${registry}/${image}`, layers, config: JSON.parse(text) as object });
  }
  const folder = scratchFolder();
  // Not executable: the templates have a step that makes it so.
  put(folder, 'fwatchdog', programs.fwatchdog, 0o644);
  const layers = [layerOf(folder)];
  for (const image of watchdogs) await pushImage({ image: `${registry}/${image}`, layers, config: {} });
}

function commonLayer(): Layer {
  const folder = scratchFolder();
  for (const each of [
    'bin',
    'usr/bin',
    'usr/local/bin',
    'usr/local/lib',
    'etc',
    'root',
    'home',
    'var/packages',
    'proc',
    'sys',
    'dev',
    'tmp',
  ])
    mkdirSync(join(folder, each), { recursive: true });
  chmodSync(join(folder, 'tmp'), 0o1777);
  copyFileSync(busybox(), join(folder, 'bin/busybox'));
  for (const applet of sh(busybox(), ['--list']).toString().trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(folder, 'bin', applet));
  put(folder, 'etc/passwd', 'root:x:0:0::/root:/bin/sh\n', 0o644);
  put(folder, 'etc/group', 'root:x:0:\n', 0o644);
  return layerOf(folder);
}

async function layerOfNode(): Promise<Layer> {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'usr/local/bin'), { recursive: true });
  copyFileSync(process.execPath, join(folder, 'usr/local/bin/node'));
  await addSharedLibraries({ program: process.execPath, rootfs: folder });
  return layerOf(folder);
}

function put(folder: string, place: string, text: string, mode: number): void {
  const file = join(folder, place);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}
