import { type FormEvent, useId, useState } from 'react';
import { Button } from '../components/button.js';
import { Logo } from '../layout/logo.js';
import styles from './sign-in.module.css';
import { signInProblem } from './sign-in-problem.js';

interface SignInProps {
  /** The reason of the last sign-out or failed sign-in, if any. */
  readonly problem: string | undefined;
  readonly signIn: (token: string) => Promise<void>;
}

export function SignIn({ problem, signIn }: SignInProps) {
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const id = useId();
  const shown = failure ?? problem;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(token.trim());
    } catch (error) {
      setFailure(signInProblem(error));
      setBusy(false);
    }
  };

  return (
    <main className={styles.page}>
      <form className={styles.card} onSubmit={(event) => void submit(event)}>
        <div className={styles.brand}>
          <Logo />
          <h1>Slipway</h1>
        </div>
        <p className="soft">Sign in with a token of this installation.</p>
        {shown !== undefined && (
          <p className={styles.problem} role="alert" id={`${id}-problem`}>
            {shown}
          </p>
        )}
        <label className={styles.label} htmlFor={`${id}-token`}>
          Token
        </label>
        <input
          id={`${id}-token`}
          className={styles.input}
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-describedby={shown === undefined ? `${id}-help` : `${id}-problem ${id}-help`}
        />
        <p className={styles.help} id={`${id}-help`}>
          <code>slipway tokens create --scope jobs:read,jobs:write,builders:read --description me</code> makes
          one. It stays in this tab until you sign out or close it.
        </p>
        <Button kind="primary" type="submit" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
    </main>
  );
}
