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

/**
 * Keeps the end of a growing log in sight until the reader scrolls up. Scrolling to the end follows again.
 *
 * A browser adds the reader's scroll to a scroll that the page made in the same frame. The reader has not seen the
 * page's part, so it is taken back: a reader who scrolls to the top arrives at the first line.
 */
export function useFollow({ virtualizer, rows, ended, scroller }: FollowOptions) {
  const [following, setFollowing] = useState(true);
  const top = useRef(0);
  /** By how many pixels the page has scrolled since the last scroll event, which comes once a frame. */
  const unseen = useRef(0);
  const active = following && !ended;
  useEffect(() => {
    const box = scroller.current;
    if (!active || rows.count === 0 || !box) return;
    const before = box.scrollTop;
    virtualizer.scrollToIndex(rows.count - 1, { align: 'end' });
    unseen.current += box.scrollTop - before;
  }, [active, rows, virtualizer, scroller]);
  const onScroll = useCallback(() => {
    const box = scroller.current;
    if (!box) return;
    const left = box.scrollHeight - box.scrollTop - box.clientHeight;
    if (box.scrollTop < top.current - 1 && left > nearPx) {
      setFollowing(false);
      box.scrollTop -= unseen.current;
    } else if (box.scrollTop > top.current && left < 4) setFollowing(true);
    unseen.current = 0;
    top.current = box.scrollTop;
  }, [scroller]);
  return { following, setFollowing, onScroll };
}
