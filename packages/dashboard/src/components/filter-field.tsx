import { useEffect, useState } from 'react';
import styles from './fields.module.css';

interface FilterFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly onChange: (value: string) => void;
}

const afterMs = 400;

/** A text filter. It applies once the user stops typing or presses Enter. */
export function FilterField({ label, value, placeholder, onChange }: FilterFieldProps) {
  const [text, setText] = useState(value);
  // The URL may change without this field: by going back, or by a link.
  useEffect(() => setText(value), [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing starts the wait
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = window.setTimeout(() => onChange(text.trim()), afterMs);
    return () => window.clearTimeout(timer);
  }, [text]);
  return (
    <label className={styles.field}>
      {label}
      <input
        type="search"
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && onChange(text.trim())}
      />
    </label>
  );
}

interface FilterChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly all: string;
  readonly choices: readonly string[];
  readonly onChange: (value: string) => void;
}

export function FilterChoice({ label, value, all, choices, onChange }: FilterChoiceProps) {
  return (
    <label className={styles.field}>
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{all}</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    </label>
  );
}
