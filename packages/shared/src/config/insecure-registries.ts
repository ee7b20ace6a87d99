import { parseImageReference } from '../contracts/index.js';
import type { Fields } from './fields.js';

/** Returns the registries of `INSECURE_REGISTRIES`, which may be spoken to over plain HTTP: `host[:port]` in lower case, or `*` for all. */
export function insecureRegistries(fields: Fields): readonly string[] {
  const hosts = fields.list('INSECURE_REGISTRIES', {
    doc: 'Comma-separated `host[:port]` over plain HTTP. `localhost`, 127.0.0.0/8 and `[::1]` are one machine, so `127.0.0.1:5000` allows `localhost:5000`',
  });
  for (const host of hosts) {
    if (host !== '*' && parseImageReference(`${host}/x`)?.domain !== host)
      fields.problems.push(`INSECURE_REGISTRIES holds '${host}', which is no host[:port]`);
  }
  return hosts.map((host) => host.toLowerCase());
}
