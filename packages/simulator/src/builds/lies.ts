import type { ServerResponse } from 'node:http';

/** Last words that no honest replica says: out of bounds, or about another build. */
export const lieNames = [
  'nested_line',
  'endless_line',
  'many_values',
  'huge_error',
  'bad_digest',
  'other_image',
  'bad_duration',
] as const;
export type LieName = (typeof lieNames)[number];

const mebibyte = 1024 * 1024;
const success = (image: string, changes: object) => JSON.stringify({ image, status: 'success', ...changes });

const lies: Readonly<Record<LieName, (image: string) => string>> = {
  nested_line: () => '['.repeat(10 * mebibyte),
  endless_line: () => `{"log":["${'x'.repeat(32 * mebibyte)}`,
  many_values: (image) => success(image, { log: Array.from({ length: 200_000 }, () => '') }),
  huge_error: (image) => JSON.stringify({ image, status: 'failed', error: 'x'.repeat(20 * mebibyte) }),
  bad_digest: (image) => success(image, { digest: 'not a digest <img src=x onerror=alert(1)>' }),
  other_image: () => success('r.example/another/image:1', { duration: 1 }),
  bad_duration: (image) => success(image, { duration: -1 }),
};

export const isLie = (name: string): name is LieName => lieNames.some((lie) => lie === name);

/** Streams the lie as its only line. */
export function tellLie(response: ServerResponse, name: LieName, image: string): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.end(`${lies[name](image)}\n`);
}
