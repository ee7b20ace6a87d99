// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import { describe, expect, it } from 'vitest';
import { baseImages } from './base-images.js';

const options = { buildArgs: {}, platforms: ['linux/amd64'] };
const a = 'r.example/a:1';

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
    ['100,000 invalid image names', `FROM scratch\n${many(() => `COPY --from=${'a-'.repeat(40)}! / /`)}`],
    [
      'names of 1,000 characters',
      `FROM scratch\n${many(() => `COPY --from=${'a'.repeat(90)}/${'b.'.repeat(5)}`)}`,
    ],
  ])('with %s is read in bounded time', (_what, dockerfile, images = 0) => {
    expect(baseImages({ ...options, dockerfile })).toHaveLength(images);
  });
});
