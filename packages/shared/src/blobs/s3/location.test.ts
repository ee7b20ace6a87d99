import { expect, it } from 'vitest';
import { parseLocation } from './location.js';

const parse = (rest: string) => parseLocation(new URL(`s3://${rest}`));

it('reads a bucket of AWS', () => {
  expect(parse('builds/cell-1/blobs/?region=eu-central-1')).toEqual({
    bucket: 'builds',
    prefix: 'cell-1/blobs/',
    region: 'eu-central-1',
    endpoint: undefined,
    pathStyle: false,
    kmsKeyId: undefined,
    verifiesChecksums: true,
  });
});

it('reads a bucket of another server', () => {
  const key = 'arn:aws:kms:eu-central-1:1:key/2';
  const query = `region=x&endpoint=http://127.0.0.1:9000&path_style=true&kms_key_id=${key}&checksums=optional`;
  expect(parse(`a.b-c?${query}`)).toEqual({
    bucket: 'a.b-c',
    prefix: '',
    region: 'x',
    endpoint: 'http://127.0.0.1:9000',
    pathStyle: true,
    kmsKeyId: key,
    verifiesChecksums: false,
  });
});

it.each([
  ['key:word@bucket?region=x', 'must not have credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
  ['Bucket?region=x', "must name a bucket, not 'Bucket'"],
  ['bucket:9000?region=x', "must name a bucket, not 'bucket:9000'"],
  ['ab?region=x', "must name a bucket, not 'ab'"],
  ['bucket/a//b?region=x', "has the prefix 'a//b'"],
  ['bucket/.hidden?region=x', "has the prefix '.hidden'"],
  ['bucket', "must name its region, not ''"],
  ['bucket?region=EU', "must name its region, not 'EU'"],
  ['bucket?region=x&regoin=y', "has the unknown parameter 'regoin'"],
  ['bucket?region=x&region=y', "has the parameter 'region' twice"],
  ['bucket?region=x&endpoint=host:9000', "has the endpoint 'host:9000'"],
  ['bucket?region=x&endpoint=http://host/path', "has the endpoint 'http://host/path'"],
  ['bucket?region=x&endpoint=http://a:b@host', 'must not have credentials in its endpoint'],
  ['bucket?region=x&path_style=yes', 'has path_style=yes: use false or true'],
  ['bucket?region=x&checksums=no', 'has checksums=no: use required or optional'],
])('refuses %s with a reason', (rest, reason) => {
  expect(() => parse(rest)).toThrow(reason);
});
