import { parse } from 'yaml';

/** Strong enough that no other package can be made to have the same one. */
const integrity = /^sha(256|384|512)-[A-Za-z0-9+/]+=*$/;

/**
 * Returns the faults of a pnpm-lock.yaml: a package without the hash of its content, or with a download address, which would bind every
 * machine to one registry or take a package from outside the registry.
 */
export function lockfileProblems(text) {
  const { packages } = parse(text) ?? {};
  const entries = Object.entries(packages ?? {});
  const problems = entries.length === 0 ? ['it names no packages'] : [];
  for (const [name, { resolution }] of entries) {
    if (!integrity.test(resolution?.integrity ?? '')) problems.push(`${name} has no integrity`);
    for (const field of Object.keys(resolution ?? {}))
      if (field !== 'integrity')
        problems.push(`${name} has a ${field} of its own: it must come from the registry`);
  }
  for (const [index, line] of text.split('\n').entries()) {
    const [address] = /\b[a-z][a-z+.-]*:\/\/[^\s'"]+/i.exec(line) ?? [];
    if (address !== undefined) problems.push(`line ${index + 1} holds an address: ${address}`);
  }
  return problems;
}
