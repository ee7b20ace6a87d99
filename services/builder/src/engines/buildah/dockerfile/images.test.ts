// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import { expect, test } from 'vitest';
import { baseImages, checkTriggers } from './images.js';

const read = (dockerfile: string, buildArgs: Record<string, string> = {}, heredocs = true) =>
  baseImages({ dockerfile, buildArgs, heredocs }).map(({ name }) => name);
const refused = expect.objectContaining({ code: 'base_image_invalid' });

const local = [
  ...['oci:/etc', 'oci:etc', 'dir:/etc', 'dir:x', 'docker-archive:/a.tar', 'oci-archive:/a.tar:x:1'],
  ...[
    'docker-daemon:alpine:3',
    'containers-storage:alpine',
    'containers-storage:[/var/lib/x]alpine',
    'tarball:/a',
  ],
  ...['sif:/a.sif', 'ostree:x@/y', 'atomic:x', 'docker://alpine', '/etc', './a', '../a', 'OCI:/etc'],
];

test.each(local)('%j is refused wherever an image may be named', (name) => {
  const quoted = JSON.stringify(name);
  for (const dockerfile of [
    `FROM ${quoted}`,
    `from ${quoted} as base`,
    `FROM --platform=linux/amd64 ${quoted}`,
    `FROM \\\n# a comment\n  ${quoted}`,
    `# escape=\`\nFROM \`\n  ${quoted}`,
    `\uFEFFFROM ${quoted}\r\n`,
    `FROM scratch AS "${name}"\nFROM ${quoted}`,
    `ARG A=${quoted}\nFROM $A`,
    `ARG A=${quoted}\nFROM \${A}`,
    `ARG A=${quoted}\nARG B=$A\nFROM \${B:-alpine}`,
    `FROM "\${A:-${name}}"\n`,
    `ARG A\nFROM $A`,
    `FROM scratch\nCOPY --from=${quoted} / /`,
    `FROM scratch\ncopy --chown=0 --from=${quoted} / /`,
    `FROM scratch\nCOPY --fr\\\nom=${quoted} / /`,
    `FROM scratch\nCOPY --"from"=${quoted} / /`,
    `FROM scratch\nADD --from=${quoted} / /`,
    `FROM scratch\nARG A=${quoted}\nCOPY --from=$A / /`,
    `ARG A=${quoted}\nFROM scratch\nARG A\nCOPY --from=\${A} / /`,
    `FROM scratch\nRUN --mount=from=${quoted},target=/x ls`,
    `FROM scratch\nRUN --mount=type=bind,"from=${name}" ls`,
    `FROM scratch\nRUN --network=none --mount=type=cache,target=/c,FROM=${quoted} ls`,
    `FROM scratch\nONBUILD COPY --from=${quoted} / /`,
    `FROM scratch\nONBUILD RUN --mount=from=${quoted} ls`,
    `FROM scratch\nRUN cat <<EOF\nx\nEOF\nCOPY --from=${quoted} / /`,
    `FROM scratch\nRUN cat <<EOF\nCOPY --from=${quoted} / /`,
  ]) {
    expect(() => read(dockerfile, { A: name }), dockerfile).toThrow(refused);
  }
  for (const triggers of [
    [`COPY --from=${quoted} / /`],
    [`RUN true\nCOPY --from=${quoted} / /`],
    ['COPY \\', `--from=${quoted} / /`],
  ]) {
    expect(() => checkTriggers({ triggers, buildArgs: {}, heredocs: true })).toThrow(refused);
  }
});

test.each([
  ['variables that nothing sets', 'FROM scratch\nCOPY --from=$X / /'],
  ['an empty name', 'FROM ""'],
  ['an empty default', 'ARG A=""\nFROM $A'],
  ['an unknown variable form', 'ARG X=a\nFROM alpine:${X^a}'],
  ['a pattern that leaves nothing', 'ARG X=a\nFROM ${X#a}'],
  ['the stage itself', 'FROM scratch AS X\nCOPY --from=X / /'],
  [
    'an ENV that takes the place of an argument',
    'FROM scratch\nARG X=alpine\nENV X oci:/etc\nCOPY --from=$X / /',
  ],
  ['a stage name that is none', 'FROM scratch AS oci:/etc\nCOPY --from=oci:/etc / /'],
])('%s is refused', (_what, dockerfile) => {
  expect(() => read(dockerfile)).toThrow(refused);
});

test.each([
  ['images', 'FROM alpine:3\nFROM r.io:5000/a/b@sha256:'.concat('a'.repeat(64)), 2],
  ['the image docker', 'FROM docker:27-cli', 1],
  ['nothing', 'FROM scratch', 0],
  ['stages', 'FROM alpine AS Builder\nFROM builder\nCOPY --from=Builder / /\nRUN --mount=from=builder ls', 1],
  ['stages by number', 'FROM alpine\nFROM scratch\nCOPY --from=0 / /', 1],
  ['arguments', 'ARG V=3\nARG I=alpine:$V\nFROM ${I}\nFROM x/y:${W:-1}\nFROM a${V:+-b}', 3],
  ['the platform', 'FROM x/base-$TARGETARCH:1', 1],
  ['quotes', 'ARG I="alpine:3"\nFROM "$I"', 1],
  ['arguments of a stage', 'FROM scratch\nARG A=alpine:3\nCOPY --from=$A / /', 0],
  ['a mount without from', 'FROM scratch\nRUN --mount=type=bind,source=from=oci:/x,target=/a ls', 0],
  ['a step over several lines', 'FROM scratch\nRUN psql -c "SELECT 1 \\\n  FROM Users"', 0],
  ['a here-document', 'FROM alpine\nRUN psql <<EOF\nSELECT 1\nFROM Users\nEOF\nRUN ls', 1],
  ['here-documents', 'FROM alpine\nCOPY <<-"A" <<B /x/\nFROM Users\n\tA\nFROM Users\nB\nRUN ls', 1],
  [
    'a step that goes on behind two escapes, as buildah reads it',
    'FROM alpine\nRUN echo \\\\\nFROM oci:/x',
    1,
  ],
  ['a stage by number for FROM', 'FROM alpine\nFROM 0', 1],
  ['a trigger with a here-document', 'FROM alpine\nONBUILD RUN <<EOF\nFROM oci:/x\nEOF\nRUN ls', 1],
  ['the last from of a mount', 'FROM alpine\nRUN --mount=from=oci:/x,target=/x,from=alpine ls', 1],
  ['patterns', 'ARG V=v3\nFROM alpine:${V#v}', 1],
  ['a here-string', 'FROM alpine\nRUN cat <<< x\nRUN ls', 1],
])('%s may be named', (_what, dockerfile, bases) => {
  expect(read(dockerfile)).toHaveLength(bases);
});

test('the lines of a here-document are instructions for a buildah that reads none', () => {
  expect(() => read('FROM alpine\nRUN cat <<EOF\nFROM oci:/etc\nEOF\n', {}, false)).toThrow(refused);
});

test('says what the name was and came to', () => {
  expect(() => read('ARG A\nFROM ${A}', { A: 'oci:/etc' })).toThrow(
    'FROM names "${A}", which is "oci:/etc": no image of a registry.',
  );
});

test('hostile Dockerfiles take no long time', () => {
  expect(read(`FROM scratch\n${'RUN cat <<EOF\n'.repeat(100_000)}`)).toEqual([]);
  expect(read(`FROM scratch\nRUN x ${'\\\n'.repeat(200_000)}`)).toEqual([]);
  expect(() => read(`FROM ${'${A:-'.repeat(50_000)}`)).toThrow(refused);
  const doubling = Array.from({ length: 60 }, (_, at) => `ARG A${at + 1}=$A${at}$A${at}`).join('\n');
  expect(() => read(`ARG A0=ab\n${doubling}\nFROM $A60`)).toThrow(refused);
});
