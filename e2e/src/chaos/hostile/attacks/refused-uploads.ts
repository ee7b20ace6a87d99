import { randomBytes } from 'node:crypto';
import { packFiles } from '@slipway/source';
import type { Attack } from '../attack.js';
import { isRefusal, type PostAnswer, post } from '../post.js';

const mebibyte = 1024 * 1024;
const quotaBytes = 8 * mebibyte;
const uploads = 6;

/** Uploads more than the tenant may store, one after the other and at the same time. A refused upload must leave no file: R11 looks for new files. */
export const refusedUploads: Attack = {
  name: 'refused-uploads',
  async run({ url, note, addTenant }) {
    const token = await addTenant({ name: 'refused', limits: { source_bytes: quotaBytes } });
    const upload = async (bytes: number): Promise<PostAnswer> =>
      await post({
        url: `${url}/v1/sources`,
        body: Buffer.concat([...packFiles({ Dockerfile: randomBytes(bytes / 2).toString('hex') })]),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-tar' },
      });
    const answers: PostAnswer[] = [];
    for (let at = 0; at < uploads; at++) answers.push(await upload(quotaBytes + mebibyte));
    const together = await Promise.all(Array.from({ length: uploads }, () => upload(5 * mebibyte)));
    const taken = together.filter(({ status }) => status === 201);
    const wrong = [...answers, ...together].filter(
      (answer) => !taken.includes(answer) && !isRefusal(answer, 'source_quota_exceeded'),
    );
    for (const { status, body } of wrong) note(`an upload was answered with ${status} ${body.code}`);
    return {
      faults: { wrong_answers: wrong.length + Math.abs(taken.length - 1) },
      facts: { refused_uploads: answers.length + together.length - taken.length },
      mayBeStored: taken.flatMap(({ body }) => body.digest ?? []),
    };
  },
};
