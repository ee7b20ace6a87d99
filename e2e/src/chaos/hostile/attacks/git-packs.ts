import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bombPack, servePack } from '@slipway/source/hostile';
import type { Attack } from '../attack.js';
import { isRefusal, post } from '../post.js';

const requests = 6;

/** Names repositories whose packs have about a kilobyte and describe a file of 2 GB. */
export const gitPacks: Attack = {
  name: 'git-packs',
  async run({ url, token, note }) {
    const server = createServer(servePack(bombPack()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const answers = await Promise.all(
        Array.from({ length: requests }, (_, at) => {
          const git = { url: `http://127.0.0.1:${port}/bomb-${at}.git` };
          return post({
            url: `${url}/v1/jobs`,
            body: Buffer.from(JSON.stringify({ image: 'registry.invalid/hostile/bomb:1', source: { git } })),
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          });
        }),
      );
      const wrong = answers.filter((answer) => !isRefusal(answer, 'git_memory_exceeded'));
      for (const { status, body } of wrong) note(`a pack was answered with ${status} ${body.code}`);
      return { faults: { wrong_answers: wrong.length }, facts: { git_packs: answers.length } };
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
};
