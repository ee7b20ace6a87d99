import type { RedisAccess } from '../../config/index.js';
import { Secret } from '../../config/secret.js';
import type { RedisTlsFiles } from '../tls.js';

/** A `RedisAccess` that a thread can get from another one: a copy of a `Secret` would be empty. Its passwords are clear text. */
export interface PlainAccess {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinel?: { readonly user: string | undefined; readonly password: string } | undefined;
  readonly tls?: RedisTlsFiles | undefined;
}

export function plainAccess({ user, password, sentinel, tls }: RedisAccess): PlainAccess {
  return {
    ...{ user, tls, password: password?.reveal() },
    sentinel: sentinel && { user: sentinel.user, password: sentinel.password.reveal() },
  };
}

export function revivedAccess({ user, password, sentinel, tls }: PlainAccess): RedisAccess {
  return {
    ...{ user, tls, password: password === undefined ? undefined : new Secret(password) },
    sentinel: sentinel && { user: sentinel.user, password: new Secret(sentinel.password) },
  };
}
