import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTool } from '@slipway/local';

const scratch: string[] = [];

/** Creates an empty folder. A test file removes it when its tests have ended, and a program when it exits. */
export function scratchFolder(): string {
  if (scratch.length === 0) process.once('exit', removeScratchFolders);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-scratch-'));
  scratch.push(folder);
  return folder;
}

export function removeScratchFolders(): void {
  for (const folder of scratch.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A static busybox, to run in images made from scratch. */
export function busybox(): string {
  const found = findTool('busybox');
  if (!found) throw new Error('busybox is missing: apt-get install busybox-static');
  return found;
}

/** Creates a build context with the given files and a busybox. */
export function makeContext(files: Readonly<Record<string, string>>): string {
  const folder = scratchFolder();
  copyFileSync(busybox(), join(folder, 'busybox'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Runs a command that must succeed. Returns its standard output. */
export function sh(
  command: string,
  args: readonly string[],
  options: { cwd?: string; input?: Buffer } = {},
): Buffer {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...options,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

/** Returns the folder as a tar of GNU tar. */
export const tarOf = (folder: string) => sh('tar', ['-C', folder, '-c', '.']);

/** Returns a Dockerfile from scratch with the context's busybox, followed by these lines. */
export const dockerfile = (...lines: string[]) =>
  ['FROM scratch', 'COPY busybox /bin/busybox', 'COPY busybox /bin/sh', ...lines, ''].join('\n');
