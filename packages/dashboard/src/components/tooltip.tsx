import { Tooltip as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';
import styles from './tooltip.module.css';

interface TooltipProps {
  /** What is pointed at or focused: one element that can have the focus. */
  readonly children: ReactNode;
  readonly content: ReactNode;
}

/** More about what is pointed at. Nothing that is needed stands here alone. */
export function Tooltip({ children, content }: TooltipProps) {
  return (
    <Primitive.Provider delayDuration={200}>
      <Primitive.Root>
        <Primitive.Trigger asChild>{children}</Primitive.Trigger>
        <Primitive.Portal>
          <Primitive.Content className={styles.tooltip} sideOffset={6} collisionPadding={8}>
            {content}
          </Primitive.Content>
        </Primitive.Portal>
      </Primitive.Root>
    </Primitive.Provider>
  );
}
