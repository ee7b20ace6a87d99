import type { Keys, Redis } from '@slipway/shared/redis';
import { valueBytes } from './shared-values.js';

/** Returns the faults in the accounts and shared values of an installation, checked against every record. */
export async function accountFaults({ redis, keys }: { redis: Redis; keys: Keys }): Promise<string[]> {
  const accounts = new Map<string, number>();
  const charges = new Map<string, number>();
  const held = new Map<string, number>();
  const counts = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, more: number) =>
    map.set(key, (map.get(key) ?? 0) + more);
  for (const name of await redis.keys(`${keys.base.replaceAll(/[{}]/g, '?')}*`)) {
    if ((await redis.type(name)) !== 'hash') continue;
    const [kind = '', ...rest] = name.slice(keys.base.length).split(':');
    const fields = await redis.hgetall(name);
    if (kind === 'stored') {
      accounts.set(rest.join(':'), Number(fields.bytes ?? 0));
      // Some bytes of keys that expire are recorded nowhere else.
      for (const [field, bytes] of Object.entries(fields)) {
        if (field.startsWith('due:')) add(charges, rest.join(':'), Number(bytes));
      }
    } else if (kind === 'shared') {
      counts.set(name, Number(fields.count));
      add(charges, rest[0] ?? '', valueBytes(fields.value ?? ''));
    } else if (fields.stored !== undefined) {
      const tenant = fields.tenant ?? rest.join(':').split('/', 1)[0] ?? '';
      const own = fields.stored_due === undefined ? Number(fields.stored) : 0;
      add(charges, tenant, own + Number(fields.reserved ?? 0));
      const lists = [fields.shared, fields.built_shared].join(' ');
      for (const [, hash = ''] of lists.matchAll(/=(\S+)/g)) add(held, keys.sharedValue(tenant, hash), 1);
    }
  }
  const names = (...maps: Map<string, number>[]) => new Set(maps.flatMap((map) => [...map.keys()]));
  const differing = (what: string, actual: Map<string, number>, expected: Map<string, number>) =>
    [...names(actual, expected)].flatMap((name) => {
      const [is, should] = [actual.get(name) ?? 0, expected.get(name) ?? 0];
      return is === should ? [] : [`${what} ${name}: ${is}, not ${should}`];
    });
  return [...differing('account', accounts, charges), ...differing('holders of', counts, held)];
}
