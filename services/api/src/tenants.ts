import { Secret } from '@slipway/shared/config';
import type { Tenant } from '@slipway/shared/jobs';
import type { TokenHolder } from './http/auth.js';

/** Whose jobs those are that the token of the installation submits. */
export const defaultTenant: Tenant = { name: 'default', weight: 1 };

/** Parses `name=value` or `name:weight=value`. The message of what it throws shows no value. */
export function parseTenant(item: string): { tenant: Tenant; value: string } {
  const [, name, weight, value] =
    /^([a-z0-9][a-z0-9-]{0,62})(?::(\d+(?:\.\d+)?))?=(\S+)$/.exec(item.trim()) ?? [];
  if (name === undefined || value === undefined || Number(weight ?? 1) <= 0) {
    throw new Error('must hold name=secret or name:weight=secret, separated by commas');
  }
  return { tenant: { name, weight: Number(weight ?? 1) }, value };
}

/** Parses the tokens of tenants, comma-separated. */
export function parseTenantTokens(text: string): TokenHolder[] {
  return text
    .split(',')
    .filter((item) => item.trim() !== '')
    .map((item) => {
      const { tenant, value } = parseTenant(item);
      if (tenant.name === defaultTenant.name) throw new Error(`must not name the tenant ${tenant.name}`);
      return { tenant, admin: false, token: new Secret(value) };
    });
}
