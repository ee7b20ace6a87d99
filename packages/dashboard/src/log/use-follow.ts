import type { Virtualizer } from '@tanstack/react-virtual';
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import type { Rows } from './rows.js';

interface FollowOptions {
  readonly virtualizer: Virtualizer<HTMLElement, Element>;
  readonly rows: Rows;
  readonly ended: boolean;
  readonly scroller: RefObject<HTMLElement | null>;
}

/** Closer to the end than this counts as being there. */
const nearPx = 30;

/** Keeps the end of a growing log in sight, until somebody scrolls up; scrolling to the end takes it up again. */
export function useFollow({ virtualizer, rows, ended, scroller }: FollowOptions) {
  const [following, setFollowing] = useState(true);
  const top = useRef(0);
  const active = following && !ended;
  useEffect(() => {
    if (active && rows.count > 0) virtualizer.scrollToIndex(rows.count - 1, { align: 'end' });
  }, [active, rows, virtualizer]);
  const onScroll = useCallback(() => {
    const box = scroller.current;
    if (!box) return;
    const left = box.scrollHeight - box.scrollTop - box.clientHeight;
    if (box.scrollTop < top.current - 1 && left > nearPx) setFollowing(false);
    else if (box.scrollTop > top.current && left < 4) setFollowing(true);
    top.current = box.scrollTop;
  }, [scroller]);
  return { following, setFollowing, onScroll };
}
