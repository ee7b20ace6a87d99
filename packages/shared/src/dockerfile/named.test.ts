// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
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

/** Dockerfiles that BuildKit accepts, with the images in order. */
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
    ['nothing for unset variables', 'FROM node:${V}22-alpine$W', [node]],
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
    ['a word like a flag after the flags', `FROM ${a}\nCOPY x --from=${b} /`, [a]],
    ['words after --', `FROM ${a}\nRUN -- --mount=from=${b} ls`, [a]],
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
  'not instructions': [
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
