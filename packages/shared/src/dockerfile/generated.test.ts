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
const [a, b, c] = ['r.example/a:1', 'r.example/b:1', 'r.example/c:1'];

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
    // BuildKit reads `FROM 0` and `from=0` of a mount as images that no registry has.
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

  it('has the images that BuildKit requests, if BuildKit accepts it', async () => {
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

  it('have the values that BuildKit gives them, if it accepts them', async () => {
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
