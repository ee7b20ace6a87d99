import type { Whoami } from '@slipway/client';

/** The signed-in tenant, its token and its client. */
export interface Session {
  readonly token: string;
  readonly me: Whoami;
}

const key = 'slipway.token';

/** The token lives as long as the tab. It is in no URL and no cookie, and does not stay on disk. */
export const storedToken = {
  read: (): string | undefined => sessionStorage.getItem(key) ?? undefined,
  write: (token: string) => sessionStorage.setItem(key, token),
  clear: () => sessionStorage.removeItem(key),
};
