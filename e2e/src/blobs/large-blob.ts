import { openBlobStore } from '@slipway/shared/blobs';

/** Writes, reads and removes a blob, and prints the peak of this process's memory. Usage: node e2e/dist/blobs/large-blob.js URL MEBIBYTES */
const [url = '', mebibytes = ''] = process.argv.slice(2);
const count = Number(mebibytes);
const piece = Buffer.alloc(1024 * 1024, 'bytes of a large blob, ');

function* pieces(): Generator<Buffer> {
  for (let n = 0; n < count; n++) yield piece;
}

const began = performance.now();
const seconds = () => Math.round((performance.now() - began) / 100) / 10;
const store = await openBlobStore(url);
const { bytes } = await store.write('large', pieces());
const writtenAfter = seconds();
let read = 0;
for await (const chunk of (await store.stream('large')) ?? []) read += (chunk as Buffer).length;
const times = { written_after_s: writtenAfter, read_after_s: seconds() };
await store.remove('large');
const peakMebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(`${JSON.stringify({ bytes, read, peak_mib: peakMebibytes, ...times })}\n`);
