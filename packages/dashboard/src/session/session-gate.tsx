import { ApiError, createClient } from '@slipway/client';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react';
import { LoadingPage } from '../components/loading.js';
import { onSessionEnd } from '../query-client.js';
import type { Session } from './session.js';
import { storedToken } from './session.js';
import { SessionContext } from './session-context.js';
import { SignIn } from './sign-in.js';
import { signInProblem } from './sign-in-problem.js';

const newClient = (token: string) => createClient({ url: window.location.origin, token });

/** Shows its children in a session, else the sign-in form. */
export function SessionGate({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [session, setSession] = useState<Session>();
  const [problem, setProblem] = useState<string>();
  const [restoring, setRestoring] = useState(() => storedToken.read() !== undefined);

  const signIn = useCallback(async (token: string) => {
    const me = await newClient(token).whoami();
    storedToken.write(token);
    setProblem(undefined);
    setSession({ token, me });
  }, []);

  const signOut = useCallback(
    (reason?: string) => {
      storedToken.clear();
      queries.clear();
      setProblem(reason);
      setSession(undefined);
    },
    [queries],
  );

  // A reload of the page keeps the session.
  useEffect(() => {
    const token = storedToken.read();
    if (token === undefined) return;
    signIn(token)
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 401) storedToken.clear();
        setProblem(signInProblem(error));
      })
      .finally(() => setRestoring(false));
  }, [signIn]);

  useEffect(() => onSessionEnd(() => signOut('The token is no longer valid. Sign in again.')), [signOut]);

  const value = useMemo(
    () => session && { ...session, client: newClient(session.token), signOut },
    [session, signOut],
  );
  if (restoring) return <LoadingPage label="Signing in" />;
  if (!value) return <SignIn problem={problem} signIn={signIn} />;
  return <SessionContext value={value}>{children}</SessionContext>;
}
