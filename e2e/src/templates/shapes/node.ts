import type { Shape } from '../shape.js';
import { healthcheck, httpMode, shellHandler, watchdogOf } from './common.js';

const packageJson = '{"name": "function", "version": "1.0.0", "scripts": {"test": "exit 0"}}\n';
const index = `const answer = require('./function/handler');
process.stdout.write(answer(require('node:fs').readFileSync(0, 'utf8')));
`;
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is JavaScript of the function.
const handler = 'module.exports = (body) => `{answer} ${body}\\n`;\n';

/** Two installations, each before the files that change more often; owners by name; tests in the build; real Node. */
const node22: Shape = {
  name: 'node22',
  template: {
    'template.yml': 'language: node22\nfprocess: node index.js\nwelcome_message: |\n  A function on Node.\n',
    '.dockerignore': '*/node_modules\n',
    Dockerfile: `${watchdogOf('of-watchdog:0.10.9')}
FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/node:22-alpine AS ship
ARG TARGETPLATFORM
ARG BUILDPLATFORM
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
RUN apk --no-cache add curl ca-certificates \\
    && addgroup -S app && adduser -S -g app app
# The old form of ENV, without an equals sign.
ENV NPM_CONFIG_LOGLEVEL warn
RUN chmod 777 /tmp
USER app
RUN mkdir -p /home/app/function
WORKDIR /home/app
COPY --chown=app:app package.json ./
RUN npm i
COPY --chown=app:app index.js ./
WORKDIR /home/app/function
COPY --chown=app:app function/*.json ./
RUN npm i
COPY --chown=app:app function/ ./
RUN npm test
WORKDIR /home/app/
ENV cgi_headers="true"
ENV fprocess="node index.js"
${httpMode(3000)}
ENV exec_timeout="10s"
${healthcheck(3)}
CMD ["fwatchdog"]
`,
    'package.json': packageJson,
    'index.js': index,
    'function/package.json': packageJson,
    'function/handler.js': 'an example that the handler replaces\n',
  },
  handler: {
    'package.json': packageJson,
    'handler.js': handler,
    'node_modules/stale/index.js': 'of another machine, left out\n',
    'node_modules/.bin/stale': '-> ../stale/index.js',
    'lib/linked.js': '-> ../handler.js',
    '.env.example': 'A=1\n',
  },
  config: { User: 'app', Cmd: ['fwatchdog'], Env: ['NPM_CONFIG_LOGLEVEL=warn', 'exec_timeout=10s'] },
  present: { 'home/app/function/.env.example': 'A=1\n', 'var/packages/curl': '' },
  absent: ['home/app/function/node_modules/stale'],
};

/** A lock file of bytes that are executable in git; an installation that may fail; root until the end. */
const bunExpress: Shape = {
  name: 'bun-express',
  template: {
    'template.yml': 'language: bun-express\n',
    Dockerfile: `${watchdogOf('of-watchdog:0.10.9')}
FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/oven/bun:1.0-alpine AS ship
ARG TARGETPLATFORM
ARG BUILDPLATFORM
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
RUN addgroup -S app && adduser app -S -G app
WORKDIR /root/
RUN mkdir -p /home/app
WORKDIR /home/app
COPY package.json ./
COPY jsconfig.json ./
COPY bun.lockb ./
RUN bun install --production
COPY index.js ./
WORKDIR /home/app/function
COPY function/*.json ./
RUN bun install --production --no-lock || :
COPY --chown=app:app function/ .
WORKDIR /home/app/
RUN chmod +rx -R ./function \\
    && chown app:app -R /home/app \\
    && chmod 777 /tmp
USER app
ENV fprocess="bun run index.js"
${httpMode(3000)}
${healthcheck(3)}
CMD ["fwatchdog"]
`,
    'package.json': packageJson,
    'jsconfig.json': '{}\n',
    'x bun.lockb': '#!/usr/bin/env bun\n\0\x80\xff\xfe lock',
    'index.js': '. ./function/handler.js\n',
    'function/package.json': packageJson,
    'x function/bun.lockb': '#!/usr/bin/env bun\n\0\x80\xff\xfe lock',
    'function/README.md': 'stays\n',
  },
  handler: { 'package.json': packageJson, 'handler.js': shellHandler },
  config: { User: 'app', Cmd: ['fwatchdog'] },
  present: {
    'home/app/function/README.md': 'stays\n',
    'home/app/function/bun.lockb': '#!/usr/bin/env bun\n\0\x80\xff\xfe lock',
  },
};

/** A base with its own user; steps that depend on a build argument that may be empty; PATH made longer. */
const puppeteer: Shape = {
  name: 'puppeteer-nodelts',
  template: {
    'template.yml':
      'language: puppeteer-nodelts\nfprocess: node index.js\nbuild_options:\n  - name: fonts\n    packages:\n      - fonts-noto\n      - fonts-ipafont\n',
    Dockerfile: `${watchdogOf('of-watchdog:0.9.12').replace(' AS ', ' as ')}
FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/ghcr.io/puppeteer/puppeteer:21.4.1
ARG TARGETPLATFORM
ARG BUILDPLATFORM
ENV APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE=1
ARG ADDITIONAL_PACKAGE
USER root
RUN addgroup --system app \\
    && adduser --system --ingroup app app --home /home/app
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
RUN chown app:app -R /home/app \\
    && chmod 777 /tmp
RUN if test -n "\${ADDITIONAL_PACKAGE}"; then apt-get update \\
    && apt-get install -y curl gnupg ;fi
RUN if test -n "\${ADDITIONAL_PACKAGE}"; then apt-get install -y \${ADDITIONAL_PACKAGE} --no-install-recommends \\
    && rm -rf /var/lib/apt/lists/* ;fi
ENV NPM_CONFIG_LOGLEVEL warn
RUN mkdir -p /home/app
WORKDIR /home/app
COPY package.json ./
RUN npm i
COPY index.js ./
WORKDIR /home/app/function
COPY function/*.json ./
RUN npm i || :
COPY function/ ./
RUN npm test
WORKDIR /home/app/

USER app
ENV cgi_headers="true"
ENV fprocess="node index.js"
${httpMode(3000)}
ENV PATH="\${PATH}:/node_modules/.bin"
${healthcheck(3)}
CMD ["fwatchdog"]
`,
    'package.json': packageJson,
    'index.js': '. ./function/handler.js\n',
    'function/package.json': packageJson,
  },
  handler: { 'package.json': packageJson, 'handler.js': shellHandler },
  buildOptions: ['fonts'],
  packages: 'fonts-noto fonts-ipafont',
  config: { User: 'app', Env: ['PATH=/usr/local/bin:/usr/bin:/bin:/node_modules/.bin'] },
  present: { 'var/packages/fonts-noto': '', 'var/packages/fonts-ipafont': '' },
  absent: ['var/lib/apt/lists/index'],
};

/** The files that `docker init` writes for Node: the syntax line, bind and cache mounts, an ignore file of many lines, no template. */
const dockerInit: Shape = {
  name: 'docker-init',
  handler: {
    '.dockerignore': [
      '# See the reference of ignore files.',
      '',
      '**/.DS_Store',
      '**/.env',
      '**/.git',
      '**/node_modules',
      '**/*.*proj.user',
      '**/Dockerfile*',
      'LICENSE',
      'README.md',
      '',
    ].join('\n'),
    Dockerfile: `# syntax=docker/dockerfile:1

ARG NODE_VERSION=22
FROM {registry}/node:\${NODE_VERSION}-alpine

ENV NODE_ENV production
WORKDIR /usr/src/app

RUN --mount=type=bind,source=package.json,target=package.json \\
    --mount=type=bind,source=package-lock.json,target=package-lock.json \\
    --mount=type=cache,target=/root/.npm \\
    npm ci --omit=dev

USER node
COPY . .
EXPOSE 3000
CMD npm start
`,
    'package.json': packageJson,
    'package-lock.json': '{"lockfileVersion": 3}\n',
    'index.js': index,
    'function/handler.js': handler,
    'node_modules/stale/index.js': 'left out\n',
    'src/.env': 'left out\n',
    'README.md': 'left out\n',
  },
  config: { User: 'node', Cmd: ['/bin/sh', '-c', 'npm start'], ExposedPorts: { '3000/tcp': {} } },
  absent: [
    'usr/src/app/README.md',
    'usr/src/app/src/.env',
    'usr/src/app/Dockerfile',
    'usr/src/app/node_modules/stale',
  ],
};

export const nodeShapes: readonly Shape[] = [node22, bunExpress, puppeteer, dockerInit];
