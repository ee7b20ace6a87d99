import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where tools that belong to this checkout alone are put. */
const checkoutBin = fileURLToPath(new URL('../../../.cache/bin', import.meta.url));

/** The programs of a Kubernetes cluster, at the versions of scripts/setup/kubernetes.mjs. Only these are used, not those on PATH. */
export const kubernetesBin = fileURLToPath(new URL('../../../.cache/kubernetes/bin', import.meta.url));

/** The absolute path of an executable: from PATH, else from `.cache/bin` of this checkout, else undefined. */
export function findTool(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
  return [...folders, checkoutBin].map((folder) => join(folder, name)).find(isExecutable);
}

/** PATH as child processes need it to find the same tools. */
export function toolPath(): string {
  return [process.env.PATH, checkoutBin].filter(Boolean).join(delimiter);
}

/** The same, or an error that says what is missing. */
export function requireTool(name: string): string {
  const path = findTool(name);
  if (path === undefined)
    throw new Error(`${name} is not installed: it is neither on PATH nor in ${checkoutBin}`);
  return path;
}

/** The absolute path of a program of the Kubernetes cluster, or an error that says how to install it. */
export function requireKubernetesTool(name: string): string {
  const path = join(kubernetesBin, name);
  if (isExecutable(path)) return path;
  throw new Error(`${name} is not in ${kubernetesBin}; run \`node scripts/setup.mjs --engines=kubernetes\``);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
