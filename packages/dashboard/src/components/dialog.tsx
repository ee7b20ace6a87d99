import { Dialog as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';
import styles from './confirm.module.css';

interface DialogProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  /** What it is for, in a sentence. */
  readonly text: ReactNode;
  readonly children: ReactNode;
}

/** A form, or something to read, above the page. Escape closes it. */
export function Dialog({ open, onClose, title, text, children }: DialogProps) {
  return (
    <Primitive.Root open={open} onOpenChange={(next) => next || onClose()}>
      <Primitive.Portal>
        <Primitive.Overlay className={styles.overlay} />
        <Primitive.Content className={styles.dialog}>
          <Primitive.Title>{title}</Primitive.Title>
          <Primitive.Description asChild>
            <div className={styles.text}>{text}</div>
          </Primitive.Description>
          {children}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
