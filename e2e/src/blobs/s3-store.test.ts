import { type S3Handle, startMoto, startVersitygw } from '@slipway/local';
import { blobStoreConformance } from '@slipway/shared/blobs/testing';
import { afterAll, beforeAll } from 'vitest';
import { openAt, useCredentials } from './testing/s3-lab.js';

let servers: { readonly versitygw: S3Handle; readonly moto: S3Handle };

beforeAll(async () => {
  const [versitygw, moto] = await Promise.all([startVersitygw(), startMoto()]);
  servers = { versitygw, moto };
  useCredentials(versitygw);
});
afterAll(async () => {
  await servers.versitygw.stop();
  await servers.moto.stop();
});

blobStoreConformance({ name: 'S3 (versitygw)', create: () => openAt(servers.versitygw) });

// It accepts a wrong checksum.
blobStoreConformance({
  name: 'S3 (moto)',
  create: async () => ({
    ...(await openAt(servers.moto, { query: '&checksums=optional' })),
    datesLeftovers: false,
  }),
});
