import ipaddr from 'ipaddr.js';

/**
 * Returns true if a registry, `host[:port]`, is on the calling machine: `localhost`, 127.0.0.0/8 or `[::1]`. This is the rule of
 * containerd's `MatchLocalhost`, which BuildKit follows; Docker's default for insecure registries has the same addresses. They
 * leave names below `localhost` to DNS, so such names count as any other name.
 */
export function isLoopbackRegistry(host: string): boolean {
  const { name } = parts(host);
  if (name === 'localhost') return true;
  if (ipaddr.IPv4.isValidFourPartDecimal(name)) return ipaddr.IPv4.parse(name).range() === 'loopback';
  return ipaddr.IPv6.isValid(name) && ipaddr.process(name).range() === 'loopback';
}

/**
 * Returns true if a list of plain-HTTP registries contains one. `*` matches all. A name of this machine matches its other names at
 * the same port, so `127.0.0.1:5000` in the list allows `localhost:5000`.
 */
export function allowsPlainHttp(allowed: readonly string[], host: string): boolean {
  if (allowed.includes('*') || allowed.includes(host)) return true;
  return (
    isLoopbackRegistry(host) &&
    allowed.some((other) => isLoopbackRegistry(other) && portOf(other) === portOf(host))
  );
}

/** Returns the list plus the other usual names of this machine for each of its names, for tools that compare names as text. */
export function withLoopbackNames(allowed: readonly string[]): string[] {
  const names = allowed.flatMap((host) => {
    if (!isLoopbackRegistry(host)) return [host];
    const port = portOf(host);
    return [
      host,
      ...['localhost', '127.0.0.1', '[::1]'].map((name) => (port === undefined ? name : `${name}:${port}`)),
    ];
  });
  return [...new Set(names)];
}

const portOf = (host: string) => parts(host).port;

function parts(host: string): { readonly name: string; readonly port: string | undefined } {
  const [, bracketed, plain = '', port] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(host.toLowerCase()) ?? [];
  return { name: bracketed ?? plain, port };
}
