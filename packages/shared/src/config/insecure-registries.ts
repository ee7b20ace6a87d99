import { parseImageReference } from '../contracts/index.js';
import type { Fields } from './fields.js';

/** Returns the registries of `INSECURE_REGISTRIES`, which may be spoken to over plain HTTP: `host[:port]` in lower case, or `*` for all. */
export function insecureRegistries(fields: Fields): readonly string[] {
  for (const host of fields.list('INSECURE_REGISTRIES')) {
    if (host !== '*' && parseImageReference(`${host}/x`)?.domain !== host)
      fields.problems.push(`INSECURE_REGISTRIES holds '${host}', which is no host[:port]`);
  }
  return fields.list('INSECURE_REGISTRIES').map((host) => host.toLowerCase());
}
