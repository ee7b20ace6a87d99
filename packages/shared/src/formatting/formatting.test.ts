import { expect, it } from 'vitest';
import {
  count,
  formatBytes,
  formatDuration,
  imagePath,
  parseBuilderLine,
  percent,
  relativeTime,
  shortDigest,
  shortHash,
} from './index.js';

it.each([
  [-5, '0 ms'],
  [340, '340 ms'],
  [4_210, '4.2 s'],
  [9_960, '10 s'],
  [59_600, '1 min'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
  [273_600_000, '3 d 4 h'],
])('%i ms is formatted as %s', (ms, said) => {
  expect(formatDuration(ms)).toBe(said);
});

it('formats times relative to now', () => {
  expect(relativeTime(1_000, 3_000)).toBe('just now');
  expect(relativeTime(0, 250_000)).toBe('4 min ago');
  expect(relativeTime(6_000, 0)).toBe('in 10 s');
  expect(relativeTime(0, 90_000_000)).toBe('1 d ago');
});

it('shortens digests and images', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  expect(shortDigest(digest)).toBe('sha256:abababababab');
  expect(shortHash(digest)).toBe('abababababab');
  expect(imagePath('127.0.0.1:5000/team/app:1.2')).toBe('team/app');
  expect(imagePath(`team/app@${digest}`)).toBe('team/app');
  expect(imagePath('localhost/app')).toBe('app');
  expect(imagePath('alpine')).toBe('alpine');
});

it('counts and rounds honestly', () => {
  expect(count(1, 'job')).toBe('1 job');
  expect(count(1_204, 'job')).toBe('1,204 jobs');
  expect(count(2, 'batch', 'batches')).toBe('2 batches');
  expect(percent(0.004)).toBe('<1%');
  expect(percent(0.997)).toBe('99%');
  expect(percent(1)).toBe('100%');
  expect(percent(0)).toBe('0%');
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [34_500, '35 kB'],
  [999_600, '1.0 MB'],
  [2_500_000_000, '2.5 GB'],
])('%d bytes are formatted as %s', (bytes, said) => {
  expect(formatBytes(bytes)).toBe(said);
});

it.each([
  ['v: 2022-06-23T09:10:12Z [1/2] RUN npm test 0.35s', { kind: 'step', text: '[1/2] RUN npm test 0.35s' }],
  ['s: 2022-06-23T09:10:12.5Z extracting', { kind: 'status', text: 'extracting' }],
  ['l: 2022-06-23T09:10:12Z', { kind: 'output', text: '' }],
  ['l: not a time', undefined],
])('the line %s is read as %j', (line, expected) => {
  expect(parseBuilderLine(line)).toEqual(expected);
});
