import type { Client, Scope } from '@slipway/client';
import { createContext, useContext } from 'react';
import type { Session } from './session.js';

export interface SessionContextValue extends Session {
  readonly client: Client;
  /** Ends the session. The sign-in form shows `reason`. */
  readonly signOut: (reason?: string) => void;
}

export const SessionContext = createContext<SessionContextValue | undefined>(undefined);

/** Returns the session. Works only below `SessionGate`, which is above every page. */
export function useSession(): SessionContextValue {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession is used outside of SessionGate');
  return session;
}

/** Returns an API client with the token of the session. */
export const useClient = (): Client => useSession().client;

/** Returns true when the token has the scope. Controls without their scope are disabled, not hidden, so that people see what to ask for. */
export function useScope(scope: Scope): boolean {
  const { scopes } = useSession().me.token;
  return scopes.includes(scope) || scopes.includes('admin');
}
