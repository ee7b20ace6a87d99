const packagesArgument = 'ADDITIONAL_PACKAGE';

interface BuildArguments {
  /** Build arguments of the stack.yaml. */
  readonly own: Readonly<Record<string, string>>;
  /** Build arguments of the command line, which win. */
  readonly given: Readonly<Record<string, string>>;
  /** Packages of the chosen build options. */
  readonly packages: readonly string[];
}

/**
 * Returns the build arguments of a function as `faas-cli` does: ADDITIONAL_PACKAGE is always set, and holds the packages of
 * the build options and the given packages, sorted and without duplicates.
 */
export function buildArguments({ own, given, packages }: BuildArguments): Record<string, string> {
  const merged = { ...own, ...given };
  const more = (merged[packagesArgument] ?? '').split(' ').map((name) => name.trim());
  const all = new Set([...packages, ...more].filter((name) => name !== ''));
  return { ...merged, [packagesArgument]: [...all].sort().join(' ') };
}

/** Merges lists as `faas-cli` does: the command line's items, then the file's other items. */
export const mergeLists = (own: readonly string[], given: readonly string[]): string[] => [
  ...given,
  ...own.filter((each) => !given.includes(each)),
];
