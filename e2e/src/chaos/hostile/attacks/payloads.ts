import { Secret } from '@slipway/shared/config';
import { formatSignature, payloadHmac, signatureHeader } from '@slipway/shared/signing';
import { contextOfPayloads, digestOf, hostilePayloads } from '@slipway/source/hostile';
import type { Attack } from '../attack.js';
import { isRefusal, post } from '../post.js';

/** Sends the corpus of payloads to `POST /build`, with right signatures. The API stores a context before it reads the config. */
export const payloads: Attack = {
  name: 'payloads',
  async run({ url, payloadSecret, note }) {
    let wrong = 0;
    const corpus = hostilePayloads();
    for (const { name, payload, expected } of corpus) {
      const hmac = payloadHmac(new Secret(payloadSecret)).update(payload);
      const answer = await post({
        url: `${url}/build`,
        body: payload,
        headers: { [signatureHeader]: formatSignature(hmac), 'content-type': 'application/octet-stream' },
      });
      if (isRefusal(answer, expected)) continue;
      wrong++;
      note(`${name} was answered with ${answer.status} ${answer.body.code}`);
    }
    return {
      faults: { wrong_answers: wrong },
      facts: { payloads: corpus.length },
      mayBeStored: [digestOf(contextOfPayloads)],
    };
  },
};
