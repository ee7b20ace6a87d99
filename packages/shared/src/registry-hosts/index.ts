import ipaddr from 'ipaddr.js';

/**
 * Returns whether a registry, `host[:port]`, is on the machine that speaks to it: `localhost`, 127.0.0.0/8 or `[::1]`. This is the rule of containerd's
 * `MatchLocalhost`, which BuildKit follows; Docker's default for insecure registries has the same addresses. Names below `localhost` are left to DNS there, so they
 * count as any other name.
 */
export function isLoopbackRegistry(host: string): boolean {
  const { name } = parts(host);
  if (name === 'localhost') return true;
  if (ipaddr.IPv4.isValidFourPartDecimal(name)) return ipaddr.IPv4.parse(name).range() === 'loopback';
  return ipaddr.IPv6.isValid(name) && ipaddr.process(name).range() === 'loopback';
}

/**
 * Returns whether a list of registries that may be spoken to over plain HTTP allows one. `*` allows all; a name of this machine allows the same port under its
 * other names, so that `127.0.0.1:5000` in the list allows `localhost:5000`.
 */
export function allowsPlainHttp(allowed: readonly string[], host: string): boolean {
  if (allowed.includes('*') || allowed.includes(host)) return true;
  return (
    isLoopbackRegistry(host) &&
    allowed.some((other) => isLoopbackRegistry(other) && portOf(other) === portOf(host))
  );
}

/** Returns a list with the usual names of this machine added wherever it allows one of them, for tools that compare names as text. */
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
