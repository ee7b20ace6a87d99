import { describe, expect, it } from 'vitest';
import { hashSlot } from './topology.js';
import { parseRedisUrl } from './url.js';

describe('a REDIS_URL', () => {
  it.each([
    ['redis://redis', { kind: 'server', servers: [{ host: 'redis', port: 6379 }], shown: 'redis://redis' }],
    [
      'rediss://[::1]:7000/2',
      { tls: true, servers: [{ host: '::1', port: 7000 }], db: 2, shown: 'rediss://[::1]:7000/2' },
    ],
    [
      'redis+sentinel://a,b:7000,[::1]/my-master.1',
      {
        ...{ kind: 'sentinel', tls: false, primary: 'my-master.1', db: 0 },
        servers: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 7000 },
          { host: '::1', port: 26_379 },
        ],
        shown: 'redis+sentinel://a:26379,b:7000,[::1]:26379/my-master.1',
      },
    ],
    ['rediss+sentinel://a/main/3', { tls: true, db: 3, shown: 'rediss+sentinel://a:26379/main/3' }],
    [
      'redis+cluster://a,b.c_d:7000/',
      {
        ...{ kind: 'cluster', primary: undefined, db: 0 },
        servers: [
          { host: 'a', port: 6379 },
          { host: 'b.c_d', port: 7000 },
        ],
        shown: 'redis+cluster://a:6379,b.c_d:7000',
      },
    ],
    ['rediss+cluster://10.0.0.1', { kind: 'cluster', tls: true }],
  ])('has parts: %s', (text, parts) => {
    expect(parseRedisUrl(text)).toMatchObject(parts);
    // A URL that is shown can be read again.
    const { shown } = parseRedisUrl(text);
    expect(parseRedisUrl(shown)).toEqual(parseRedisUrl(text));
  });

  it.each(['redis://%s@h', 'rediss+sentinel://%s@a,b/main', 'redis+cluster://%s@a,b'])(
    'holds credentials, and is shown without them: %s',
    (form) => {
      const url = parseRedisUrl(form.replace('%s', 'me%40x:p%40ss%2Fw:rd'));
      expect(url).toMatchObject({ user: 'me@x', password: 'p@ss/w:rd' });
      expect(url.shown).not.toMatch(/me|p@ss|p%40ss|@/);
      expect(parseRedisUrl(form.replace('%s', ':secret'))).toMatchObject({
        ...{ user: undefined, password: 'secret' },
      });
    },
  );

  it.each([
    ['localhost:6379', /^must start with redis:\/\/, .* or rediss\+cluster:\/\/$/],
    ['http://h', /^must start with redis:/],
    ['redis+sentinels://h/main', /^must start with redis:/],
    ['redis://a:1,b:2', /redis\+sentinel:\/\/ or redis\+cluster:/],
    ['redis://a,b', /redis\+sentinel:\/\/ or redis\+cluster:/],
    ['redis://h:99999', /is not a URL/],
    ['redis+sentinel://a,b', /the name of the primary .*\/mymaster/],
    ['redis+sentinel://a,b/', /the name of the primary/],
    ['redis+sentinel://a,b/my master', /the name of the primary/],
    ['redis+sentinel://a,,b/main', /host1:port,host2:port/],
    ['redis+sentinel:///main', /host1:port,host2:port/],
    ['redis+cluster://a, b', /without spaces/],
    ['redis+cluster://a:0', /port that is not 1 to 65535/],
    ['redis+cluster://a:70000', /port that is not 1 to 65535/],
    ['redis+cluster://a/0', /a database, which a Redis Cluster does not have/],
    ['redis+cluster://a?x=1', /a \? or #/],
    ['redis+cluster://u:hu/sh@a', /must be percent-encoded/],
    ['redis+cluster://u:hu#sh@a', /a \? or #/],
    ['redis+sentinel://u:hush%zz@a/main', /percent sign that encodes nothing/],
  ])('is refused with words that quote nothing: %s', (text, words) => {
    const parsing = () => parseRedisUrl(text);
    expect(parsing).toThrow(words);
    try {
      parsing();
    } catch (error) {
      expect((error as Error).message).not.toMatch(/hush|hu[/#]sh|99999|70000/);
    }
  });
});

it('the hash slot of a hash tag is that of Redis Cluster', () => {
  // The value of the specification, and values of CLUSTER KEYSLOT.
  expect(hashSlot('123456789')).toBe(12_739);
  expect(hashSlot('slipway')).toBe(12_784);
  expect(hashSlot('ä')).toBe(13_929);
});
