// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseImages } from './base-images.js';
import { type Buildkit, startBuildkit } from './testing.js';

let buildkit: Buildkit;
beforeAll(() => {
  buildkit = startBuildkit();
});
afterAll(() => buildkit.close());

const options = { buildArgs: {}, platforms: ['linux/amd64'] };
const node = 'docker.io/library/node:22-alpine';
const [a, b, c] = ['r.example/a:1', 'r.example/b:1', 'r.example/c:1'];
const digest = `sha256:${'a'.repeat(64)}`;

/** Dockerfiles that BuildKit takes, with the images in order. */
const tables: Record<string, [what: string, dockerfile: string, images: string[]][]> = {
  'FROM names': [
    ['one stage', 'FROM node:22-alpine\nRUN ls', [node]],
    ['scratch', 'FROM scratch\nCOPY a /a', []],
    ['scratch with a tag, which is an image', 'FROM scratch:1', ['docker.io/library/scratch:1']],
    [
      'several stages, some from earlier ones',
      'FROM golang:1.24 AS Build\nFROM build AS test\nFROM alpine:3.22\nCOPY --from=TEST /a /b',
      ['docker.io/library/golang:1.24', 'docker.io/library/alpine:3.22'],
    ],
    ['a stage with the name of its image', `FROM ${a} AS alpine\nFROM alpine AS alpine\nFROM alpine`, [a]],
    ['a stage called scratch', `FROM ${a} AS scratch\nFROM scratch`, [a]],
    ['a name that two stages have', `FROM ${a} AS x\nFROM ${b} AS x\nFROM x`, [b]],
    ['a stage that comes later', `FROM later\nCOPY --from=x / /\nFROM ${b} AS later`, [b]],
    [
      'the same twice',
      'FROM node:22-alpine AS x\nFROM docker.io/library/node:22-alpine\nCOPY --from=x / /',
      [node],
    ],
    [
      'a platform',
      `FROM --platform=$BUILDPLATFORM ${a} AS x\nFROM --platform=linux/arm64 ${b}\nCOPY --from=x / /`,
      [a, b],
    ],
    ['no tag', 'FROM ghcr.io/openfaas/of-watchdog', ['ghcr.io/openfaas/of-watchdog:latest']],
    ['a digest', `FROM node@${digest}`, [`docker.io/library/node@${digest}`]],
    ['a tag and a digest', `FROM node:22@${digest}`, [`docker.io/library/node:22@${digest}`]],
    ['a port', 'FROM localhost:5000/x', ['localhost:5000/x:latest']],
    ['index.docker.io', 'FROM index.docker.io/library/node', ['docker.io/library/node:latest']],
    ['quotes', `FROM "${a}"`, [a]],
    ['lower case and continued lines', `from \\\n  ${a} \\\n  as x`, [a]],
    ['tabs', `\tFROM\t${a}\tAS\tx`, [a]],
  ],
  'variables make': [
    ['a default', 'ARG V=22\nFROM node:${V}-alpine', [node]],
    ['a default in quotes', 'ARG IMAGE="node:22-alpine"\nFROM $IMAGE', [node]],
    ['a default in single quotes, which keep a dollar sign', "ARG I='r.example/a:$1'\nFROM ${I%??}1", [a]],
    ['a default of another argument', 'ARG V=22\nARG IMAGE=node:${V}-alpine\nFROM ${IMAGE}', [node]],
    ['several on one line', 'ARG A=node B=22-alpine\nFROM $A:$B', [node]],
    ['a default that is set again', 'ARG V=20\nARG V=22\nFROM node:$V-alpine', [node]],
    ['a default that stays when it is declared again', 'ARG V=22\nARG V\nFROM node:$V-alpine', [node]],
    ['nothing of what is not set', 'FROM node:${V}22-alpine$W', [node]],
    ['${V:-}', 'ARG V\nFROM node:${V:-22-alpine}', [node]],
    ['${V:-} of an empty one', 'ARG V=\nFROM node:${V:-22-alpine}', [node]],
    ['${V-}', 'FROM node:${V-22-alpine}', [node]],
    ['${V-} of an empty one', 'ARG V=""\nFROM node:22-alpine${V-x}', [node]],
    ['${V:+}', 'ARG SLIM=1\nFROM node:22${SLIM:+-alpine}', [node]],
    ['${V:+} of an empty one', 'ARG SLIM=\nFROM node:22-alpine${SLIM:+-slim}', [node]],
    ['${V+} of an empty one', 'ARG SLIM=\nFROM node:22${SLIM+-alpine}', [node]],
    ['${V?} of one that is set', 'ARG V=22\nFROM node:${V?}-${W:-${V:+alpine}}', [node]],
    ['defaults in defaults', 'ARG W=22-alpine\nFROM node:${V:-${X:-$W}}', [node]],
    ['${V#}', 'ARG V=v22\nFROM node:${V#v}-alpine', [node]],
    ['${V#} with the shortest', 'ARG V=a.b.22\nFROM x:${V#*.}', ['docker.io/library/x:b.22']],
    ['${V##} with the longest', 'ARG V=a.b.22\nFROM x:${V##*.}', ['docker.io/library/x:22']],
    ['${V%}', 'ARG V=22.1.3\nFROM x:${V%.*}', ['docker.io/library/x:22.1']],
    ['${V%%}', 'ARG V=22.1.3\nFROM node:${V%%.*}-alpine', [node]],
    ['${V/}', 'ARG V=22_alpine_x\nFROM x:${V/_/-}', ['docker.io/library/x:22-alpine_x']],
    ['${V//}', 'ARG V=22_alpine_x\nFROM x:${V//_/-}', ['docker.io/library/x:22-alpine-x']],
    ['${V//} of all', 'ARG V=22\nFROM x:${V//*/1}', ['docker.io/library/x:1']],
    ['${V//} of nothing', 'ARG V=22\nFROM x:${V///1}', ['docker.io/library/x:12121']],
    ['patterns with ? and escapes', 'ARG V=a/b_c\nFROM x:${V#?\\/}', ['docker.io/library/x:b_c']],
    ['the platform', 'FROM x/base-$TARGETARCH:${TARGETOS}', ['docker.io/x/base-amd64:linux']],
    [
      'the platform, declared',
      'ARG TARGETPLATFORM\nFROM x:${TARGETPLATFORM#*/}',
      ['docker.io/library/x:amd64'],
    ],
    ['the stage', 'FROM x:${TARGETSTAGE} AS Last', ['docker.io/library/x:last']],
    ['the stage without a name', 'FROM x:${TARGETSTAGE}', ['docker.io/library/x:default']],
    ['a stage by argument', 'ARG F=a\nFROM node:22-alpine AS base-a\nFROM base-$F', [node]],
    ['another escape character', '# escape=`\nARG I=r.example/a:`$1\nFROM ${I%??}1', [a]],
    ['names in other scripts', 'ARG é=22-alpine\nFROM node:$é', [node]],
  ],
  'other stages name': [
    ['COPY --from', `FROM ${a}\nCOPY --from=${b} / /`, [a, b]],
    [
      'a stage that copies from an image',
      `FROM ${a} AS x\nCOPY --from=${b} / /\nFROM ${c}\nCOPY --from=x / /`,
      [a, b, c],
    ],
    ['COPY --from a number', `FROM ${a}\nFROM ${b}\nCOPY --from=0 / /`, [a, b]],
    ['COPY --from=scratch', `FROM ${a}\nCOPY --from=scratch / /`, [a]],
    ['COPY --from=context', `FROM ${a}\nCOPY --from=context / /`, [a, 'docker.io/library/context:latest']],
    ['COPY with more flags', `FROM ${a}\nCOPY --chown=0:0 --link --from=${b} --chmod=755 / /`, [a, b]],
    ['COPY in JSON', `FROM ${a}\nCOPY --from=${b} ["a", "/b"]`, [a, b]],
    ['COPY in quotes', `FROM ${a}\nCOPY --from="${b}" / /\nCOPY --"from"=${c} / /`, [a, b, c]],
    ['what looks like a flag behind the flags', `FROM ${a}\nCOPY x --from=${b} /`, [a]],
    ['what is behind --', `FROM ${a}\nRUN -- --mount=from=${b} ls`, [a]],
    ['lower case', `from ${a}\ncopy --from=${b} / /\nrun --mount=from=${c},target=/x ls`, [a, b, c]],
    ['a mount', `FROM ${a}\nRUN --mount=type=bind,from=${b},target=/x ls`, [a, b]],
    [
      'several mounts',
      `FROM ${a}\nRUN --mount=from=${b},target=/x --mount=type=cache,target=/y,from=${c} ls`,
      [a, b, c],
    ],
    ['a mount of a stage', `FROM ${a} AS x\nFROM ${b}\nRUN --mount=from=X,target=/x ls`, [a, b]],
    [
      'a mount in quotes',
      `FROM ${a}\nRUN --mount="type=bind,from=${b},target=/x" --mount='from=${c},target=/y' ls`,
      [a, b, c],
    ],
    ['a mount in CSV', `FROM ${a}\nRUN --mount='"from=${b}","target=/x,from=${c}"' ls`, [a, b]],
    ['a mount with two from', `FROM ${a}\nRUN --mount=from=${b},target=/x,from=${c} ls`, [a, c]],
    ['a mount in upper case', `FROM ${a}\nRUN --mount=FROM=${b},target=/x ls`, [a, b]],
    ['a mount without from', `FROM ${a}\nRUN --mount=type=bind,source=from=${b},target=/x ls`, [a]],
    [
      'flags on several lines',
      `FROM ${a}\nRUN --mount=from=${b},target=/x \\\n  # ${c}\n\n  --mount=from=${c},target=/y \\\n ls`,
      [a, b, c],
    ],
    ['a trigger that no stage runs', `FROM ${a}\nONBUILD COPY --from=${b} / /`, [a]],
    ['a trigger that a stage runs', `FROM ${a} AS x\nONBUILD COPY --from=${b} / /\nFROM x`, [a, b]],
    ['a trigger with a mount', `FROM ${a} AS x\nonbuild run --mount=from=${b},target=/x ls\nFROM x`, [a, b]],
    [
      'a trigger that names a stage',
      `FROM ${a} AS x\nONBUILD COPY --from=y / /\nFROM ${b} AS y\nFROM x`,
      [a, b],
    ],
    [
      'a trigger of a stage before the last',
      `FROM ${a} AS x\nONBUILD COPY --from=${b} / /\nFROM x AS y\nFROM y`,
      [a, b],
    ],
  ],
  'the target needs': [
    ['its own stages alone', `FROM ${a} AS x\nFROM ${b} AS y\nFROM ${c}`, [c]],
    [
      'stages of stages',
      `FROM ${a} AS x\nFROM ${b} AS y\nCOPY --from=x / /\nFROM ${c}\nRUN --mount=from=y,target=/y ls`,
      [a, b, c],
    ],
    ['no image of a stage that is not used', `FROM ${a} AS x\nCOPY --from=${b} / /\nFROM ${c}`, [c]],
  ],
  'no instructions are': [
    ['comments and blank lines', `\n# FROM fake\n\n  # FROM fake\nFROM ${a}`, [a]],
    [
      'comments in an instruction',
      `FROM ${a}\nRUN ls \\\n# FROM fake\n   # COPY --from=fake / /\n && ls`,
      [a],
    ],
    ['blank lines in an instruction', `FROM ${a}\nRUN ls \\\n\n  \t\n && ls\nCOPY --from=${b} / /`, [a, b]],
    ['a comment at the end', `FROM \\\n ${a} \\\n# comment`, [a]],
    ['lines of a string', `FROM ${a}\nRUN psql -c "SELECT 1 \\\n  FROM Users"`, [a]],
    ['an escaped escape at the end', `FROM ${a}\nRUN echo \\\\\nCOPY --from=${b} / /`, [a, b]],
    ['another escape character', `# escape=\`\nFROM \`\n${a}\nRUN dir C:\\\nCOPY --from=${b} / /`, [a, b]],
    [
      'an escape character behind another directive',
      `# syntax=docker/dockerfile:1\n# escape=\`\nFROM \`\n${a}`,
      [a],
    ],
    ['an escape character behind a comment', `# comment\n# escape=\`\nFROM \\\n${a}`, [a]],
    ['Windows line ends', `ARG V=1\r\nFROM r.example/a:\${V} AS x\r\nRUN ls \\\r\n  -l\r\nFROM x\r\n`, [a]],
    ['a byte order mark', `\uFEFFFROM ${a}`, [a]],
    [
      'a here-document',
      `FROM ${a}\nRUN <<EOF\nFROM fake\nCOPY --from=fake / /\nEOF\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'here-documents',
      `FROM ${a}\nCOPY <<-"A" <<'B' /x/\nFROM fake\n\tA\nFROM fake\nB\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'a here-document with a number',
      `FROM ${a}\nRUN cat 3<<EOF\nFROM fake\nEOF\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'a here-document with a space',
      `FROM ${a}\nRUN cat << EOF\nFROM fake\nEOF\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'a here-document with a space in its name',
      `FROM ${a}\nRUN cat <<"E F"\nFROM fake\nE F\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'a here-document with more behind it',
      `FROM ${a}\nRUN cat <<EOF > /x && cat <<B\nFROM fake\nEOF\nFROM fake\nB\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'a here-document in a trigger',
      `FROM ${a} AS x\nONBUILD RUN <<EOF\nFROM fake\nEOF\nFROM x\nCOPY --from=${b} / /`,
      [a, b],
    ],
    [
      'a here-document over lines',
      `FROM ${a}\nRUN --mount=from=${b},target=/x \\\n  cat <<EOF\nFROM fake\nEOF\n`,
      [a, b],
    ],
    [
      'a line that is like its end',
      `FROM ${a}\nRUN cat <<EOF\n EOF\nEOF \nFROM fake\nEOF\nCOPY --from=${b} / /`,
      [a, b],
    ],
    ['a shift', `FROM ${a}\nRUN echo $((1<<2)) "<<x" '<<y' \\<<z\nCOPY --from=${b} / /`, [a, b]],
    ['a here-string', `FROM ${a}\nRUN cat <<< x\nCOPY --from=${b} / /`, [a, b]],
    ['<< in JSON', `FROM ${a}\nRUN ["cat", "<<EOF"]\nCOPY --from=${b} / /`, [a, b]],
    ['<< of LABEL', `FROM ${a}\nLABEL x=<<EOF\nCOPY --from=${b} / /`, [a, b]],
  ],
};

describe.each(Object.entries(tables))('%s', (_kind, table) => {
  it.each(table)('%s', async (_what, dockerfile, images) => {
    const answer = await buildkit.ask({ dockerfile });
    const found = baseImages({ ...options, dockerfile });
    expect(answer).toEqual({ error: '', images: images.toSorted() });
    expect(found).toEqual(images);
  });
});

describe('a Dockerfile of any instructions', () => {
  const name = fc.constantFrom(
    'x',
    'y',
    'X',
    'scratch',
    'alpine',
    a,
    b,
    c,
    '$V',
    '${V:-x}',
    '${W#*/}',
    '"y"',
    "'x'",
  );
  const flag = fc.oneof(
    fc
      .tuple(fc.constantFrom('--from=', '--mount=from=', '--mount=target=/m,from='), name)
      .map((parts) => parts.join('')),
    // `FROM 0` and `from=0` of a mount are images for BuildKit, of which no registry has any.
    fc.constantFrom(
      '--from=0',
      '--from=1',
      '--from=2',
      '--link',
      '--mount=type=cache,target=/c',
      '--network=none',
    ),
  );
  const flags = fc.array(flag, { maxLength: 2 }).map((all) => all.join(' '));
  const line = fc.oneof(
    fc
      .tuple(fc.constantFrom('FROM', 'from', 'FROM --platform=linux/arm64'), name)
      .map((parts) => parts.join(' ')),
    fc.tuple(name, fc.constantFrom('x', 'y', 'Z')).map(([image, stage]) => `FROM ${image} AS ${stage}`),
    fc.constantFrom('ARG V=y', `ARG W=q/${a}`, 'ARG V', 'ARG V="$W"', 'ENV V=x'),
    fc
      .tuple(fc.constantFrom('COPY', 'RUN', 'ONBUILD COPY', 'ONBUILD RUN'), flags)
      .map(([keyword, all]) => `${keyword} ${all} a /b`),
    fc.constantFrom(
      'RUN cat <<EOF',
      'RUN <<-E',
      'EOF',
      '\tE',
      'RUN ls \\',
      '# comment',
      '',
      'RUN x \\\\',
      '<<EOF',
    ),
  );
  const dockerfiles = fc.tuple(
    fc.constantFrom('', '# escape=`\n', 'ARG V=x\n'),
    fc.constantFrom(`FROM ${a} AS x`, 'FROM scratch'),
    fc.array(line, { maxLength: 9 }),
  );

  it('has the images that BuildKit asks for, if BuildKit takes it', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        dockerfiles,
        fc.constantFrom(undefined, 'x', 'Y'),
        async ([first, from, lines], target) => {
          const dockerfile = `${first}${[from, ...lines].join('\n')}`;
          const answer = await buildkit.ask({ dockerfile, target });
          const found = baseImages({ ...options, dockerfile, target });
          if (answer.error !== '') return;
          taken++;
          expect(found.toSorted()).toEqual(answer.images);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});

describe('variables of any form', () => {
  const piece = fc.constantFrom(
    ...[
      '$V',
      '${V',
      '${E',
      '${U',
      '}',
      ':-',
      ':+',
      '-',
      '+',
      '#',
      '##',
      '%',
      '%%',
      '/',
      '//',
      '*',
      '?',
      ':?',
    ],
    ...['a', 'b', '.', "'", '"', '\\', '$', '{', '`', '1', '${V%', '${V#', '${V/', '$1', '${V:-${E}'],
  );
  const text = (maxLength: number) => fc.array(piece, { maxLength }).map((pieces) => pieces.join(''));
  const operator = fc.constantFrom('-', ':-', '+', ':+', '?', '#', '##', '%', '%%', '/', '//');
  const braced = fc
    .tuple(fc.constantFrom('V', 'E', 'U'), operator, text(3), fc.constantFrom('', '/x'))
    .map(([name, sign, operand, end]) => `\${${name}${sign}${operand}${end}}`);
  const words = fc.oneof(
    text(8),
    braced,
    fc.tuple(braced, text(2)).map((parts) => parts.join('')),
  );
  const values = fc.constantFrom('abba', 'a.b.a', '"a b"', "'*a'", 'a\\*b', '$E', '');

  it('are what BuildKit makes of them, if it takes them', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(values, words, async (value, word) => {
        const dockerfile = `ARG V=${value} E=\nFROM r.example/a:1${word}`;
        const answer = await buildkit.ask({ dockerfile });
        const found = baseImages({ ...options, dockerfile });
        if (answer.error !== '') return;
        taken++;
        expect(found).toEqual(answer.images);
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});

describe('base images', () => {
  it('go by the build arguments that the Dockerfile declares', async () => {
    const dockerfile = 'ARG V=20\nARG OS\nFROM node:${V}-${OS:-slim}${X:+-x}';
    for (const [buildArgs, image] of [
      [{ V: '22', OS: 'alpine' }, 'node:22-alpine'],
      [{ V: '22', X: '1' }, 'node:22-slim'],
      [{ OS: '$V', V: '' }, undefined],
      [{ TARGETARCH: 'x' }, 'node:20-slim'],
    ] as const) {
      const found = baseImages({ ...options, dockerfile, buildArgs });
      expect(found).toEqual(image === undefined ? [] : [`docker.io/library/${image}`]);
      expect((await buildkit.ask({ dockerfile, buildArgs })).images ?? []).toEqual(found);
    }
    expect(baseImages({ ...options, dockerfile: 'ARG toString=1\nFROM node:$toString' })).toEqual([
      'docker.io/library/node:1',
    ]);
    expect(
      baseImages({ ...options, dockerfile: 'ARG V\nFROM a:$TARGETARCH', buildArgs: { TARGETARCH: 'x' } }),
    ).toEqual(['docker.io/library/a:x']);
  });

  it('are those that the target needs', async () => {
    const dockerfile = `FROM ${a} AS x\nFROM ${b} AS Y\nCOPY --from=x / /\nFROM ${c}\nCOPY --from=${node} / /`;
    for (const [target, images] of [
      [undefined, [c, node]],
      ['x', [a]],
      ['X', [a]],
      ['y', [a, b]],
      ['Y', [a, b]],
    ] as const) {
      expect(baseImages({ ...options, dockerfile, target })).toEqual(images);
      expect((await buildkit.ask({ dockerfile, target })).images).toEqual(images.toSorted());
    }
    // buildah takes numbers, BuildKit does not.
    expect(baseImages({ ...options, dockerfile, target: '2' })).toEqual([c, node]);
    expect(baseImages({ ...options, dockerfile, target: '3' })).toEqual([]);
    expect(baseImages({ ...options, dockerfile, target: 'z' })).toEqual([]);
  });

  it.each([
    ['linux/amd64', 'linux-amd64-', 'linux/amd64'],
    ['linux/arm64', 'linux-arm64-', 'linux/arm64'],
    ['linux/arm/v7', 'linux-arm-v7', 'linux/arm/v7'],
  ])('of %s', async (platform, tag, whole) => {
    const dockerfile = 'FROM x:${TARGETOS}-${TARGETARCH}-${TARGETVARIANT}';
    const found = baseImages({ ...options, platforms: [platform], dockerfile });
    expect(found).toEqual([`docker.io/library/x:${tag}`]);
    expect((await buildkit.ask({ dockerfile, platform })).images).toEqual(found);
    const asPath = { dockerfile: 'FROM x/${TARGETPLATFORM}', platforms: [platform] };
    expect(baseImages({ ...options, ...asPath })).toEqual([`docker.io/x/${whole}:latest`]);
  });

  it('of several platforms are all of them', () => {
    const dockerfile = `FROM ${a} AS x\nFROM x:$TARGETARCH\nCOPY --from=x / /`;
    const platforms = ['linux/amd64', 'linux/arm64'];
    expect(baseImages({ ...options, dockerfile, platforms })).toEqual([
      ...[a, 'docker.io/library/x:amd64', 'docker.io/library/x:arm64'],
    ]);
  });

  it('leave out what depends on the platform where no platform is known', () => {
    const dockerfile = (image: string) => `FROM ${a} AS x\nFROM ${image}\nCOPY --from=x / /`;
    for (const image of ['x:$TARGETARCH', 'x:${BUILDPLATFORM##*/}', 'x:${TARGETOS:+1}', 'x${TARGETVARIANT}'])
      expect(baseImages({ ...options, platforms: [], dockerfile: dockerfile(image) })).toEqual([a]);
  });

  it.each([
    ['nothing', ''],
    ['no instruction', '# comment'],
    ['no Dockerfile', '{"a": [1, 2, 3]}'],
    ['binary', '\0\u0001\u0002FROM'],
    ['no reference', 'FROM Not/An:Image:x'],
    ['an argument of a stage', 'FROM scratch\nARG V=22\nFROM node:$V'],
    ['an error in a variable', 'FROM node:${V\nFROM node:${V;}\nFROM node:${V:?}'],
    ['COPY in front of FROM', `COPY --from=${a} / /`],
  ])('are none with %s, which BuildKit refuses', async (_what, dockerfile) => {
    expect(baseImages({ ...options, dockerfile })).toEqual([]);
    expect((await buildkit.ask({ dockerfile })).error).not.toBe('');
  });

  it.each([
    [
      'variables behind --from',
      `FROM ${a}\nARG V=${b}\nENV W ${c}\nCOPY --from=$V / /\nRUN --mount=from=\${W},target=/x ls`,
      [a, b, c],
    ],
    ['a variable of ENV', `FROM ${a}\nARG V=${b}\nENV V=${c}\nCOPY --from="$V" / /`, [a, c]],
    [
      'a stage that comes later',
      `FROM ${a}\nCOPY --from=x / /\nFROM ${b} AS x\nCOPY --from=0 / /`,
      [a, 'docker.io/library/x:latest', b],
    ],
    ['the stage itself', `FROM ${a} AS x\nCOPY --from=x / /`, [a, 'docker.io/library/x:latest']],
  ])('follow buildah with %s, which BuildKit refuses', async (_what, dockerfile, images) => {
    expect(baseImages({ ...options, dockerfile })).toEqual(images);
    expect((await buildkit.ask({ dockerfile })).error).not.toBe('');
  });
});

describe('a hostile Dockerfile', () => {
  const doubling = Array.from({ length: 60 }, (_, at) => `ARG A${at + 1}=$A${at}$A${at}`).join('\n');
  const many = (line: (at: number) => string) =>
    Array.from({ length: 100_000 }, (_, at) => line(at)).join('\n');

  it.each<[what: string, dockerfile: string, images?: number]>([
    ['variables of variables', `ARG A0=ab\n${doubling}\nFROM $A60`],
    ['defaults in defaults', `FROM ${'${A:-'.repeat(2_000_000)}`],
    ['defaults in defaults, on many lines', many(() => `ARG A=${'${A:-'.repeat(20)}`)],
    ['quotes without end', `ARG ${'"\'a '.repeat(2_000_000)}`],
    ['escapes', `FROM scratch\nRUN ${'\\'.repeat(10_000_000)}`],
    ['white space', `FROM scratch\n${' '.repeat(5_000_000)}RUN${' '.repeat(5_000_000)}ls`],
    ['a mount of 10 MB', `FROM scratch\nRUN --mount=${'"",'.repeat(3_000_000)} ls`],
    ['a mount with a quote without end', `FROM scratch\nRUN --mount=\\"${'\\"\\"x,'.repeat(1_000_000)} ls`],
    ['patterns', `ARG A=${'a'.repeat(4_000)}\n${many(() => 'ARG B=${A#*a*a*a*a*a*a*ab}')}`],
    ['patterns that replace', `ARG A=${'a'.repeat(4_000)}\n${many(() => 'ARG B=${A//*a*b/}')}`],
    ['here-documents without end', `FROM scratch\n${many((at) => `RUN <<E${at}`)}`],
    ['a here-document with a long name', `FROM scratch\nRUN <<"${'\\"'.repeat(3_000_000)}"`],
    ['JSON', `FROM scratch\nRUN ${'['.repeat(5_000_000)}<<E`],
    ['triggers of triggers', `FROM scratch\n${'ONBUILD '.repeat(1_000_000)}RUN ls`],
    ['100,000 comments in an instruction', `FROM scratch\nRUN \\\n${many(() => '# c')}`],
    ['100,000 stages', many((at) => `FROM ${at === 0 ? a : `s${at - 1}`} AS s${at}`), 1],
    ['100,000 triggers', `FROM scratch AS s\n${many((at) => `ONBUILD COPY --from=i${at} / /`)}\nFROM s`, 256],
    [
      'triggers of 50,000 stages',
      `FROM scratch AS s\n${many((at) => (at % 2 ? `FROM s AS t${at}` : `ONBUILD COPY --from=t${at + 1} / /`))}`,
    ],
    [
      '100,000 images',
      `${many((at) => `FROM i${at} AS s${at}`)}\nFROM scratch\n${many((at) => `COPY --from=s${at} / /`)}`,
      256,
    ],
    ['100,000 names that are no image', `FROM scratch\n${many(() => `COPY --from=${'a-'.repeat(40)}! / /`)}`],
    [
      'names of 1,000 characters',
      `FROM scratch\n${many(() => `COPY --from=${'a'.repeat(90)}/${'b.'.repeat(5)}`)}`,
    ],
  ])('with %s is read in bounded time', (_what, dockerfile, images = 0) => {
    expect(baseImages({ ...options, dockerfile })).toHaveLength(images);
  });
});
