import { Readable } from 'node:stream';
import { digestOf, hostileArchives, hugeArchives } from '@slipway/source/hostile';
import type { Attack } from '../attack.js';
import { isRefusal, post } from '../post.js';

/** Uploads the corpus of archives, and compares each answer with the expected one. */
export const archives: Attack = {
  name: 'archives',
  async run({ url, token, quick, note }) {
    const mayBeStored: string[] = [];
    const small = hostileArchives().map((each) => ({ ...each, open: () => Readable.from([each.archive]) }));
    const huge = hugeArchives().filter(({ isLong }) => !(quick && isLong));
    let wrong = 0;
    for (const { name, standsFor, expected, open } of [...small, ...huge]) {
      const answer = await post({
        url: `${url}/v1/sources`,
        body: open(),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-tar' },
      });
      const { status, body } = answer;
      if (typeof expected !== 'string') mayBeStored.push(digestOf(expected));
      const isRight =
        typeof expected === 'string'
          ? isRefusal(answer, expected)
          : status < 300 && body.digest === digestOf(expected);
      if (isRight) continue;
      wrong++;
      note(`${name} (${standsFor}) was answered with ${status} ${body.code ?? body.digest}`);
    }
    return {
      faults: { wrong_answers: wrong },
      facts: { archives: small.length + huge.length },
      mayBeStored,
    };
  },
};
