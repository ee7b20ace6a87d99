/**
 * A registries.conf that allows plain http with `hosts` alone, and takes a bare image name to be one of Docker Hub's.
 * The system's drop-in files (registries.conf.d) still apply: an operator sets mirrors there.
 */
export function registriesConf(hosts: readonly string[]): string {
  const registries = hosts.map(
    (host) => `[[registry]]\nlocation = ${JSON.stringify(host)}\ninsecure = true\n`,
  );
  return [
    'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n',
    ...registries,
  ].join('\n');
}
