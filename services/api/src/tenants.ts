import { Secret } from '@slipway/shared/config';
import type { TokenHolder } from './http/auth.js';

/** Whose jobs those are that the token of the installation submits. */
export const defaultTenant = { name: 'default', weight: 1 };

/** Parses `name=token` or `name:weight=token`, comma-separated. The message of what it throws shows no token. */
export function parseTenantTokens(text: string): TokenHolder[] {
  return text
    .split(',')
    .filter((item) => item.trim() !== '')
    .map((item) => {
      const [, name, weight, token] =
        /^([a-z0-9][a-z0-9-]{0,62})(?::(\d+(?:\.\d+)?))?=(\S+)$/.exec(item.trim()) ?? [];
      if (name === undefined || token === undefined || Number(weight ?? 1) <= 0) {
        throw new Error('must hold name=token or name:weight=token, separated by commas');
      }
      if (name === defaultTenant.name) throw new Error(`must not name the tenant ${name}`);
      return { tenant: { name, weight: Number(weight ?? 1) }, admin: false, token: new Secret(token) };
    });
}
