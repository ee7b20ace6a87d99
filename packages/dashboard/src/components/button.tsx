import type { ButtonHTMLAttributes } from 'react';
import styles from './button.module.css';

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className'> {
  readonly kind?: 'primary' | 'normal' | 'danger' | 'quiet';
  readonly size?: 'normal' | 'small';
}

export function Button({ kind = 'normal', size = 'normal', type = 'button', ...rest }: ButtonProps) {
  return <button {...rest} type={type} className={`${styles.button} ${styles[kind]} ${styles[size]}`} />;
}
