import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes files by path. `x ` in front of a path makes it executable; a content of `-> target` makes a link. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(files)) {
    const path = join(folder, key.replace(/^x /, ''));
    mkdirSync(dirname(path), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), path);
    else if (key.endsWith('/')) mkdirSync(path, { recursive: true });
    else {
      writeFileSync(path, text);
      chmodSync(path, key.startsWith('x ') ? 0o755 : 0o644);
    }
  }
}

/** A project that covers every rule about the content of a build context. */
export const shrinkwrapProject: Readonly<Record<string, string>> = {
  'stack.yaml': `version: 1.0
provider:
  name: openfaas
configuration:
  copy:
    - common
    - shared/one.txt
functions:
  plain: { lang: node, handler: ./plain, image: plain }
  nested: { lang: nested, handler: handlers/nested/, image: nested }
  rooted: { lang: rooted, handler: ./plain, image: rooted }
  whole: { lang: dockerfile, handler: ./whole, image: whole }
  bare: { lang: bare, handler: ./plain, image: bare }
`,
  'common/util.js': 'util\n',
  'common/build/kept.txt': 'copied paths keep their build folder\n',
  'x common/tool.sh': '#!/bin/sh\n',
  'shared/one.txt': 'one\n',
  'shared/two.txt': 'not copied\n',

  'template/node/template.yml':
    'language: node\nbuild_options:\n  - name: dev\n    packages: [make, gcc]\n  - name: native\n    packages: [gcc, g++]\n',
  'template/node/Dockerfile': 'FROM scratch\n',
  'template/node/.dockerignore': '**/node_modules\n',
  'template/node/index.js': 'index\n',
  'x template/node/entry.sh': '#!/bin/sh\n',
  'template/node/build/inside.txt': 'a template keeps its build folder\n',
  'template/node/function/handler.js': 'an example that the handler replaces\n',
  'x template/node/function/sample.sh': '#!/bin/sh\necho an example that stays\n',
  'template/node/function/swap.sh': 'not executable\n',
  'template/node/empty/': '',

  'template/nested/template.yml': 'language: nested\nhandler_folder: app/src/handler\n',
  'template/nested/Dockerfile': 'FROM scratch\nCOPY app /app\n',
  'template/nested/app/main.py': 'main\n',

  'template/rooted/template.yml': 'handler_folder: ./\n',
  'template/rooted/Dockerfile': 'FROM scratch\n',
  'template/rooted/handler.js': 'replaced\n',

  'template/bare/template.yml': 'language: bare\nhandler_folder: ""\n',
  'template/bare/Dockerfile': 'FROM scratch\n',

  'template/dockerfile/template.yml': 'language: dockerfile\nhandler_folder: ignored\n',
  'template/dockerfile/Dockerfile': 'FROM scratch\n# not this one\n',

  'plain/handler.js': 'handler\n',
  'x plain/swap.sh': '#!/bin/sh\n',
  'plain/sample.sh': 'no longer executable\n',
  'plain/.env.example': 'A=1\n',
  'plain/.git/HEAD': 'ref: refs/heads/main\n',
  'plain/node_modules/left-pad/index.js': 'pad\n',
  'plain/build/out.js': 'skipped at the top\n',
  'plain/template/x/template.yml': 'skipped at the top\n',
  'plain/lib/build/deep.js': 'kept below\n',
  'plain/lib/template/deep.js': 'kept below\n',
  'plain/common/own.js': 'beside what is copied\n',
  'plain/ümläut – name.txt': 'names\n',

  'handlers/nested/handler.py': 'nested\n',
  'x handlers/nested/bin/run': '#!/bin/sh\n',

  'whole/Dockerfile': 'FROM scratch\nCOPY . /\n',
  'whole/function/x.txt': 'x\n',
  'whole/build': 'a file of that name is skipped, too\n',
  'whole/.dockerignore': 'secret\n',
  'whole/secret': 'left to the builder to ignore\n',
};
