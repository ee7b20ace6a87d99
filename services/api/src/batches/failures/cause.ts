import { createHash } from 'node:crypto';
import { stripVTControlCharacters } from 'node:util';
import type { JobRecord } from '@slipway/control-plane/jobs';
import { imageRepository, parseImageReference } from '@slipway/shared/contracts';

/** UTF-16 units of a last line. */
const maxLine = 400;

export interface Cause {
  /** 12 hexadecimal digits. Failures with one cause have the same. */
  readonly id: string;
  /** The last line of output in the log. */
  readonly lastLine: string | undefined;
}

/** Returns the cause of a failed job. Jobs have the same cause if they ended with one code and their last lines differ only by numbers, digests and names of the job. */
export function causeOf({ spec, error }: Pick<JobRecord, 'spec' | 'error'>): Cause {
  const { code = 'internal', detail = '', log_tail: tail = [] } = error ?? {};
  const lastLine = tail.map(outputOf).findLast((line) => line !== '');
  const text = withoutNames(lastLine ?? detail, spec);
  const id = createHash('sha256').update(`${code}\0${text}`).digest('hex').slice(0, 12);
  return { id, lastLine };
}

/** Returns the output in a line of a log; empty for a line about the state of a step. */
function outputOf(line: string): string {
  const [, kind, text = ''] = /^(?:([a-z]): )?(.*)$/s.exec(stripVTControlCharacters(line)) ?? [];
  return kind === 'v' ? '' : text.trim().slice(0, maxLine);
}

function withoutNames(text: string, { function: name, image }: JobRecord['spec']): string {
  const reference = parseImageReference(image);
  const names = [image, reference && imageRepository(reference), name, name?.split('/').at(-1)];
  let rest = text;
  for (const each of names) if (each) rest = rest.replaceAll(each, '…');
  return rest.replace(/\b[0-9a-f]{7,}\b|\d+/gi, '#').replace(/\s+/g, ' ');
}
