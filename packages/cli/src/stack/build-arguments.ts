const packagesArgument = 'ADDITIONAL_PACKAGE';

interface BuildArguments {
  /** Of the stack.yaml. */
  readonly own: Readonly<Record<string, string>>;
  /** Of the command line, which win. */
  readonly given: Readonly<Record<string, string>>;
  /** Packages of the chosen build options. */
  readonly packages: readonly string[];
}

/**
 * The build arguments of a function as `faas-cli` makes them: ADDITIONAL_PACKAGE is always there, and holds the packages of
 * the build options and those that it was given, each once, sorted.
 */
export function buildArguments({ own, given, packages }: BuildArguments): Record<string, string> {
  const merged = { ...own, ...given };
  const more = (merged[packagesArgument] ?? '').split(' ').map((name) => name.trim());
  const all = new Set([...packages, ...more].filter((name) => name !== ''));
  return { ...merged, [packagesArgument]: [...all].sort().join(' ') };
}

/** Those of the command line, then those of the file that are not among them: `faas-cli` merges lists so. */
export const mergeLists = (own: readonly string[], given: readonly string[]): string[] => [
  ...given,
  ...own.filter((each) => !given.includes(each)),
];
