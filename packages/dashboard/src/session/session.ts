import type { Whoami } from '@slipway/client';

/** Who is signed in, and with what. */
export interface Session {
  readonly token: string;
  readonly me: Whoami;
}

const key = 'slipway.token';

/** The token lives as long as the tab: in no URL, no cookie, and not on disk for good. */
export const storedToken = {
  read: (): string | undefined => sessionStorage.getItem(key) ?? undefined,
  write: (token: string) => sessionStorage.setItem(key, token),
  clear: () => sessionStorage.removeItem(key),
};
