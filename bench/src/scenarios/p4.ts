import { createHmac } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '@slipway/shared/config';
import { createPayload, type SourceStore } from '@slipway/source';
import { interleaved } from '../measure.js';
import type { Bench, Scenario } from '../scenario.js';
import { ingestFolder, openSources, shell, writeFiles } from '../sources.js';

const secret = 'payload-secret';
const config = { image: 'registry.test/function:latest' };
const megabyte = 2 ** 20;

export const p4: Scenario = {
  name: 'P4',
  about:
    'assemble and sign a payload, against tar | openssl dgst on the same files, and against the bare HMAC',

  async run({ folder, note }) {
    const sources = await openSources(join(folder, 'store'));
    note('1,000 files of 4 KB');
    const small = await compare({ folder, sources, files: 1000, bytes: 4096, rounds: 41 });
    note('one file of 256 MB');
    const big = await compare({ folder, sources, files: 1, bytes: 256 * megabyte, rounds: 11 });
    return {
      small_vs_tar: small.slipway / small.tar,
      big_vs_tar: big.slipway / big.tar,
      big_vs_hmac: big.slipway / big.hmac,
      small_vs_tar_file: small.slipway / small.tarFile,
      big_vs_tar_file: big.slipway / big.tarFile,
      small_ms: small.slipway,
      small_tar_ms: small.tar,
      small_tar_file_ms: small.tarFile,
      small_hmac_ms: small.hmac,
      big_ms: big.slipway,
      big_tar_ms: big.tar,
      big_tar_file_ms: big.tarFile,
      big_hmac_ms: big.hmac,
    };
  },
};

interface Comparison extends Pick<Bench, 'folder'> {
  readonly sources: SourceStore;
  readonly files: number;
  readonly bytes: number;
  readonly rounds: number;
}

async function compare({ folder, sources, files, bytes, rounds }: Comparison) {
  // The folder that a client without Slipway packs: the context, and the configuration beside it.
  const unpacked = join(folder, `${files}`);
  await mkdir(unpacked);
  await writeFile(join(unpacked, 'com.openfaas.docker.config'), JSON.stringify(config));
  await writeFiles(join(unpacked, 'context'), files, bytes);
  const digest = await ingestFolder(sources, join(unpacked, 'context'));
  const options = { sources, layers: [{ digest, at: 'context' }], config };
  const { length } = await createPayload(options);
  const chunk = Buffer.alloc(256 * 1024, 1);
  const slipway = async () => (await createPayload(options)).sign(new Secret(secret));
  const times = await interleaved({
    rounds,
    warmUps: 3,
    contenders: {
      slipway,
      tar: () => shell(`tar -cf - . | openssl dgst -sha256 -hmac ${secret}`, unpacked),
      hmac: () => {
        const hmac = createHmac('sha256', secret);
        for (let left = length; left > 0; left -= chunk.length) {
          hmac.update(left < chunk.length ? chunk.subarray(0, left) : chunk);
        }
        hmac.digest();
      },
    },
  });
  // Measured separately: the system continues to write the file after the command ends, which would slow the next contender.
  const toFile = await interleaved({
    rounds: 5,
    warmUps: 1,
    contenders: {
      tar: () => shell(`tar -cf ../req.tar . && openssl dgst -sha256 -hmac ${secret} ../req.tar`, unpacked),
    },
  });
  return { ...times, tarFile: toFile.tar };
}
