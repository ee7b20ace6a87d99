import type { Virtualizer } from '@tanstack/react-virtual';
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import type { Rows } from './rows.js';

interface FollowOptions {
  readonly virtualizer: Virtualizer<HTMLElement, Element>;
  readonly rows: Rows;
  readonly ended: boolean;
  readonly scroller: RefObject<HTMLElement | null>;
}

/** Pixels from the end that still count as the end. */
const nearPx = 30;

/**
 * Keeps the end of a growing log in sight until the reader scrolls up. Scrolling to the end follows again.
 *
 * A browser adds the reader's scroll to a scroll by the page in the same frame. The hook subtracts the page's part, which the
 * reader has not seen: a reader who scrolls to the top arrives at the first line. A scroll of the virtualizer corrects itself over
 * the next frames; the hook ends that too.
 */
export function useFollow({ virtualizer, rows, ended, scroller }: FollowOptions) {
  const [following, setFollowing] = useState(true);
  const top = useRef(0);
  /** Pixels that the page has scrolled since the last scroll event, which fires once per frame. */
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
      virtualizer.cancelScroll();
      box.scrollTop -= unseen.current;
    } else if (box.scrollTop > top.current && left < 4) setFollowing(true);
    unseen.current = 0;
    top.current = box.scrollTop;
  }, [scroller, virtualizer]);
  return { following, setFollowing, onScroll };
}
