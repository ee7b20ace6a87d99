import type { ElementType, Key, ReactElement } from 'react';
import * as react from 'react/jsx-dev-runtime';
import { shown } from './shown.js';

export type { JSX } from 'react/jsx-dev-runtime';
export const Fragment = react.Fragment;

/** As `jsx` and `jsxs` of the runtime beside it, for `vite` while pages are written. */
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
