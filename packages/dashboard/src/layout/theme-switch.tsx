import styles from './shell.module.css';
import { chooseTheme, type ThemeChoice, useThemeChoice } from './theme.js';

const names: Readonly<Record<ThemeChoice, string>> = { system: 'System', light: 'Light', dark: 'Dark' };

export function ThemeSwitch() {
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
