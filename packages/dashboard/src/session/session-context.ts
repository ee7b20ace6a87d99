import type { Client, Scope } from '@slipway/client';
import { createContext, useContext } from 'react';
import type { Session } from './session.js';

export interface SessionContextValue extends Session {
  readonly client: Client;
  /** Ends the session; `reason` is shown where one signs in. */
  readonly signOut: (reason?: string) => void;
}

export const SessionContext = createContext<SessionContextValue | undefined>(undefined);

/** The session. Only below `SessionGate`, which is above every page. */
export function useSession(): SessionContextValue {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession is used outside of SessionGate');
  return session;
}

/** The API, with the token of whoever is signed in. */
export const useClient = (): Client => useSession().client;

/** Whether the token allows it. What it does not allow is shown as such, not hidden: people see what they could ask for. */
export function useScope(scope: Scope): boolean {
  const { scopes } = useSession().me.token;
  return scopes.includes(scope) || scopes.includes('admin');
}
