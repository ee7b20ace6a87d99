/**
 * The functions that the compiler calls for each element (`jsxImportSource` in tsconfig.json and vite.config.ts). They wrap React's
 * functions with `shown`, because names, labels and receivers' answers are untrusted text on every page.
 */
import type { ElementType, Key, ReactElement } from 'react';
import * as react from 'react/jsx-runtime';
import { shown } from './shown.js';

type Props = Readonly<Record<string, unknown>>;

export type { JSX } from 'react/jsx-runtime';
export const Fragment = react.Fragment;

export function jsx(type: ElementType, props: Props, key?: Key): ReactElement {
  return react.jsx(type, shown(props), key);
}

export function jsxs(type: ElementType, props: Props, key?: Key): ReactElement {
  return react.jsxs(type, shown(props), key);
}
