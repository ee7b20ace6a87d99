import type { ErrorCode } from '@slipway/shared/errors';
import { archive, entry, file, folder, gnuLong, hardLink, header, pax, symlink } from './blocks.js';
import type { NormalForm } from './case.js';
import { pax10 } from './sparse.js';

/** A malicious body of a `POST /build` (protocol.md). */
export interface HostilePayload {
  readonly name: string;
  readonly payload: Buffer;
  /** The error code of an API and a builder. */
  readonly expected: ErrorCode;
}

const configName = 'com.openfaas.docker.config';
const secretsName = 'com.openfaas.secrets';
const config = file(configName, '{"image":"registry.test/hostile:1"}');
const configOf = (text: string) => file(configName, text);
/** The context of every payload whose only fault is its config. */
export const contextOfPayloads: NormalForm = { Dockerfile: 'FROM scratch\n' };
const dockerfile = file('context/Dockerfile', contextOfPayloads.Dockerfile);
const duplicate = 'source_path_duplicate';
const link = 'source_link_unsafe';
const conflict = 'source_path_conflict';
const invalid = 'request_invalid';

/** Returns payloads with only the fault that their name describes. */
export const hostilePayloads = (): HostilePayload[] =>
  (
    [
      ['two configs', duplicate, archive(config, config, dockerfile)],
      [
        'two configs, one spelt differently',
        duplicate,
        archive(config, dockerfile, file(`./${configName}`, '{}')),
      ],
      [
        'two configs, one by a pax header',
        duplicate,
        archive(config, dockerfile, pax({ path: configName }), file('x', '{}')),
      ],
      ['a config that is a link', invalid, archive(symlink(configName, 'context/Dockerfile'), dockerfile)],
      ['a config that is a link out', invalid, archive(symlink(configName, '/etc/passwd'), dockerfile)],
      [
        'a config that is a hard link',
        invalid,
        archive(dockerfile, hardLink(configName, 'context/Dockerfile')),
      ],
      ['a config that is a folder', invalid, archive(folder(configName), dockerfile)],
      [
        'a config of 100 MB',
        invalid,
        archive(header({ path: configName, size: 100_000_000 }), Buffer.alloc(100_000), dockerfile),
      ],
      [
        'a config of a terabyte',
        invalid,
        archive(
          header({ path: configName, size: Buffer.from([0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]) }),
          dockerfile,
        ),
      ],
      ['no config', invalid, archive(dockerfile)],
      [
        'a config in the context only',
        invalid,
        archive(dockerfile, file(`context/${configName}`, '{"image":"x:1"}')),
      ],
      [
        'secrets twice',
        duplicate,
        archive(config, dockerfile, file(secretsName, 'a'), file(secretsName, 'b')),
      ],
      [
        'secrets that are a link',
        invalid,
        archive(config, dockerfile, symlink(secretsName, '/proc/self/environ')),
      ],
      [
        'secrets of 2 MB',
        invalid,
        archive(config, dockerfile, entry({ path: secretsName }, Buffer.alloc(2_000_000))),
      ],
      [
        'a sparse file of a terabyte beside the context',
        'source_too_large',
        archive(config, pax10('1099511627776', '1\n0\n1\n', 'x'), dockerfile),
      ],
      ['a context that is a file', conflict, archive(config, file('context', 'x'))],
      [
        'a context that is a link to the root',
        conflict,
        archive(config, symlink('context', '/'), file('context/etc/passwd')),
      ],
      ['a context that becomes a link', conflict, archive(config, dockerfile, symlink('context', '..'))],
      [
        'a path that climbs out of the context',
        'source_path_unsafe',
        archive(config, dockerfile, file('context/../../evil')),
      ],
      [
        'a path that climbs to the config',
        'source_path_unsafe',
        archive(dockerfile, file(`context/../${configName}`, '{"image":"x:1"}')),
      ],
      [
        'a path beside the context that climbs',
        'source_path_unsafe',
        archive(config, dockerfile, file('../evil')),
      ],
      [
        'an absolute path beside the context',
        'source_path_unsafe',
        archive(config, dockerfile, file('/etc/cron.d/evil')),
      ],
      ['a hard link to the config', link, archive(config, dockerfile, hardLink('context/l', configName))],
      [
        'a hard link to a file of the machine',
        link,
        archive(config, dockerfile, hardLink('context/l', 'etc/passwd')),
      ],
      [
        'a file through a link',
        conflict,
        archive(config, dockerfile, symlink('context/l', '.'), file('context/l/evil')),
      ],
      [
        'a file through a link out of the context',
        conflict,
        archive(config, dockerfile, symlink('context/a', '/etc'), file('context/a/passwd')),
      ],
      [
        'a file through a link to an entry beside the context',
        conflict,
        archive(config, dockerfile, symlink('context/a', '..'), file('context/a/evil')),
      ],
      [
        'a hard link through a link out of the context',
        link,
        archive(config, dockerfile, symlink('context/a', '/etc'), hardLink('context/h', 'context/a/passwd')),
      ],
      [
        'a hard link that is absolute',
        link,
        archive(config, dockerfile, hardLink('context/h', '/etc/passwd')),
      ],
      ['a hard link that climbs', link, archive(config, dockerfile, hardLink('context/h', '../etc/passwd'))],
      [
        'a folder in place of a link out',
        duplicate,
        archive(config, dockerfile, symlink('context/d', '/etc'), folder('context/d'), file('context/d/x')),
      ],
      [
        'a file through a link to a folder of the context',
        conflict,
        archive(config, dockerfile, folder('context/d'), symlink('context/l', 'd'), file('context/l/x')),
      ],
      [
        'a folder that becomes a link',
        duplicate,
        archive(config, dockerfile, folder('context/d'), symlink('context/d', '/tmp')),
      ],
      ['a Dockerfile twice', duplicate, archive(config, dockerfile, dockerfile)],
      [
        'a device',
        'source_entry_unsupported',
        archive(config, dockerfile, header({ path: 'context/null', type: '3' })),
      ],
      [
        'a FIFO',
        'source_entry_unsupported',
        archive(config, dockerfile, header({ path: 'context/fifo', type: '6' })),
      ],
      [
        'a device beside the context',
        'source_entry_unsupported',
        archive(config, dockerfile, header({ path: 'null', type: '3' })),
      ],
      ['nothing in the context', 'source_empty', archive(config)],
      [
        'a size that two readers read in two ways',
        'source_corrupt',
        archive(config, dockerfile, pax({ size: '1024' }), file('context/a'), file('context/b')),
      ],
      [
        'a name of a mebibyte',
        'source_path_unsafe',
        archive(config, dockerfile, gnuLong(`${'context/'.repeat(130_000)}x`), file('x')),
      ],
      ['the end cut off', 'source_corrupt', archive(config, dockerfile).subarray(0, -1024)],
      ['a config that is not JSON', 'json_invalid', archive(configOf('{'), dockerfile)],
      [
        'a config of half a million brackets',
        'json_too_complex',
        archive(configOf('['.repeat(500_000)), dockerfile),
      ],
      ['a config that is a list', invalid, archive(configOf('[]'), dockerfile)],
      [
        'an image with an option',
        'image_invalid',
        archive(configOf('{"image":"--output=/etc/passwd"}'), dockerfile),
      ],
      [
        'an image with a line feed',
        'image_invalid',
        archive(configOf('{"image":"registry.test/x:1\\n--push"}'), dockerfile),
      ],
      [
        'an image of a megabyte',
        'image_invalid',
        archive(configOf(JSON.stringify({ image: 'a/'.repeat(400_000) })), dockerfile),
      ],
    ] satisfies readonly (readonly [string, ErrorCode, Buffer])[]
  ).map(([name, expected, payload]) => ({ name, expected, payload }));

/** An accepted payload, and its context besides the Dockerfile of `contextOfPayloads`. */
export interface LinkedPayload {
  readonly name: string;
  readonly payload: Buffer;
  readonly context: NormalForm;
}

/** Returns payloads whose links leave their contexts. They are harmless unless something follows them. */
export const linkedPayloads = (): LinkedPayload[] =>
  [
    { name: 'an absolute link', links: { l: '/etc/passwd' } },
    { name: 'a link that climbs', links: { l: '../../../etc/passwd' } },
    {
      name: 'links to an entry beside the context',
      links: { c: `../${configName}`, s: `../${secretsName}` },
    },
    { name: 'a link to the root, and one through it', links: { a: '/', b: 'a/etc/passwd' } },
    { name: 'links in a circle', links: { a: 'b', b: 'a', c: 'c/c' } },
    { name: 'a link to the processes of the machine', links: { l: '/proc/self/environ' } },
    { name: 'an ignore file that is a link out', links: { '.dockerignore': '/etc/passwd' } },
  ].map(({ name, links }) => ({
    name,
    payload: archive(
      config,
      dockerfile,
      ...Object.entries(links).map(([path, target]) => symlink(`context/${path}`, target)),
    ),
    context: Object.fromEntries(Object.entries(links).map(([path, target]) => [path, `-> ${target}`])),
  }));
