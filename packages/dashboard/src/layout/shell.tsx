import { Suspense } from 'react';
import { NavLink, Outlet, useLocation } from 'react-router';
import { Button } from '../components/button.js';
import { Loading } from '../components/loading.js';
import { LiveStatus } from '../live/live-status.js';
import { useSession } from '../session/session-context.js';
import { Logo } from './logo.js';
import styles from './shell.module.css';
import { chooseTheme, type ThemeChoice, useThemeChoice } from './theme.js';

const places = [
  { to: '/fleet', name: 'Fleet' },
  { to: '/batches', name: 'Batches' },
  { to: '/jobs', name: 'Jobs' },
  { to: '/functions', name: 'Functions' },
  { to: '/webhooks', name: 'Webhooks' },
] as const;

/** The frame around every page: navigation, the session and the live status. */
export function Shell() {
  const { me, signOut } = useSession();
  const { pathname } = useLocation();
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        Skip to the page
      </a>
      <header className={styles.bar}>
        <NavLink className={`${styles.brand}`} to="/fleet">
          <Logo />
          Slipway
        </NavLink>
        <nav className={styles.nav} aria-label="Pages">
          {places.map(({ to, name }) => (
            <NavLink
              key={to}
              to={to}
              className={({ isActive }) => `${styles.place} ${isActive ? styles.here : ''}`}
            >
              {name}
            </NavLink>
          ))}
        </nav>
        <div className={styles.tools}>
          <LiveStatus />
          <a href="/docs">API</a>
          <ThemeSwitch />
          <span className={styles.who} title={me.token.scopes.join(', ')}>
            {me.tenant.name}
          </span>
          <Button size="small" onClick={() => signOut()}>
            Sign out
          </Button>
        </div>
      </header>
      <main className={styles.main} id="main" tabIndex={-1}>
        <Suspense key={pathname} fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

const names: Readonly<Record<ThemeChoice, string>> = { system: 'System', light: 'Light', dark: 'Dark' };

function ThemeSwitch() {
  const choice = useThemeChoice();
  return (
    <label className={styles.field}>
      <span>Colours</span>
      <select
        className={styles.select}
        value={choice}
        onChange={(event) => chooseTheme(event.target.value as ThemeChoice)}
      >
        {Object.entries(names).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
