import type { ElementType, Key, ReactElement } from 'react';
import * as react from 'react/jsx-dev-runtime';
import { shown } from './shown.js';

export type { JSX } from 'react/jsx-dev-runtime';
export const Fragment = react.Fragment;

/** The development counterpart of `jsx` and `jsxs` in jsx-runtime.ts, used by `vite` in development mode. */
export function jsxDEV(
  type: ElementType,
  props: Readonly<Record<string, unknown>>,
  key: Key | undefined,
  isStatic: boolean,
  source?: react.JSXSource,
  self?: unknown,
): ReactElement {
  return react.jsxDEV(type, shown(props), key, isStatic, source, self);
}
