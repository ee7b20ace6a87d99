// One measurement of one client, in a process of its own. Prints JSON.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [name, folder, what] = process.argv.slice(2);
const {
  ENDPOINT: endpoint,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
} = process.env;
const bucket = 'slipway';
const [requests, atOnce] = [4_000, 16];
const body = Buffer.alloc(4096, 'x');

/** Returns the calls of each client that write and read an object. */
const clients = {
  '@aws-sdk/client-s3': ({ S3 }) => {
    const s3 = new S3({ region: 'us-east-1', endpoint, forcePathStyle: true, expectContinueHeader: false });
    return {
      put: (Key) => s3.putObject({ Bucket: bucket, Key, Body: body }),
      get: async (Key) => (await s3.getObject({ Bucket: bucket, Key })).Body.transformToByteArray(),
    };
  },
  minio: ({ Client }) => {
    const { hostname: endPoint, port } = new URL(endpoint);
    const connection = { endPoint, port: Number(port), useSSL: false, region: 'us-east-1' };
    const client = new Client({ ...connection, accessKey: accessKeyId, secretKey: secretAccessKey });
    return {
      put: (key) => client.putObject(bucket, key, body),
      get: async (key) => (await client.getObject(bucket, key)).toArray(),
    };
  },
  aws4fetch: ({ AwsClient }) => {
    const client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region: 'us-east-1' });
    const answered = async (key, init) => {
      const answer = await client.fetch(`${endpoint}/${bucket}/${key}`, init);
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      return answer.arrayBuffer();
    };
    return { put: (key) => answered(key, { method: 'PUT', body }), get: (key) => answered(key) };
  },
};

const entry = createRequire(join(folder, 'package.json')).resolve(name);
const began = performance.now();
const { put, get } = clients[name](await import(pathToFileURL(entry).href));
const loaded = {
  ms: Math.round(performance.now() - began),
  rssMb: Math.round(process.memoryUsage().rss / 1e6),
};
if (what === 'load') print(JSON.stringify(loaded));
else {
  await perSecond(put, 500);
  const puts = await perSecond(put, requests);
  const gets = await perSecond(get, requests);
  const peak_rss_mb = Math.round(process.resourceUsage().maxRSS / 1e3);
  print(
    JSON.stringify({
      puts_per_s: puts.rate,
      put_cpu_ms: puts.cpuMs,
      gets_per_s: gets.rate,
      get_cpu_ms: gets.cpuMs,
      peak_rss_mb,
    }),
  );
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

async function perSecond(request, count) {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  let next = 0;
  const caller = async () => {
    while (next < count) await request(`key-${next++ % 500}`);
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round((count / (performance.now() - start)) * 1_000);
  return { rate, cpuMs: Math.round((user + system) / count / 10) / 100 };
}
