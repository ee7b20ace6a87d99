import type { Shape } from '../shape.js';
import { healthcheck, httpMode, shellHandler, watchdogOf } from './common.js';

/** Bash tests in a shell that is none; users that change; files of the base that are removed. */
const php8: Shape = {
  name: 'php8',
  template: {
    'template.yml': 'language: php8\nfprocess: php index.php\n',
    Dockerfile: `ARG TARGETPLATFORM
ARG BUILDPLATFORM
${watchdogOf('classic-watchdog:0.3.2')}

# An image that is only copied from
FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/composer:latest AS composer
FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/php:8.2-alpine
COPY --from=composer /usr/bin/composer /usr/bin/composer
ARG COMPOSER_AUTH='{}'
ENV COMPOSER_AUTH=\${COMPOSER_AUTH}
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
RUN apk add --no-cache git
RUN addgroup -S app && adduser -S -g app app && \\
    mkdir -p /home/app
WORKDIR /home/app
COPY index.php ./
COPY ./function ./function
WORKDIR /home/app/function
RUN [[ -f php-extension.sh ]] && sh ./php-extension.sh && \\
    chown -R app /home/app
USER app
RUN [[ -f composer.lock || -f composer.json ]] && composer install --no-dev
USER root
RUN apk del git && \\
    rm -rf /usr/src/php && \\
    { find /usr/local/lib -type f -print0 | xargs -0r strip --strip-all -p 2>/dev/null || true; }
USER app
WORKDIR /home/app
ENV fprocess="php index.php"
${healthcheck(3)}
CMD ["fwatchdog"]
`,
    'index.php': '. ./function/src/Handler.php\n',
    'function/composer.json': '{}\n',
    'function/php-extension.sh': 'echo "no extensions"\n',
    'function/src/Handler.php': 'an example that the handler replaces\n',
  },
  handler: {
    'composer.json': '{"require": {}}\n',
    'php-extension.sh': 'apk add --no-cache icu\n',
    'src/Handler.php': shellHandler,
  },
  buildArgs: { COMPOSER_AUTH: '{"http-basic": {"packages.example": {"username": "a", "password": "b"}}}' },
  config: {
    User: 'app',
    Cmd: ['fwatchdog'],
    Env: ['COMPOSER_AUTH={"http-basic": {"packages.example": {"username": "a", "password": "b"}}}'],
  },
  present: { 'var/packages/icu': '', 'home/app/function/vendor/autoload.php': '{"require": {}}\n' },
  absent: ['usr/src/php', 'var/packages/git'],
};

/** White space of any kind between arguments; no platform; an argument that is empty in the middle of a step. */
const rubyHttp: Shape = {
  name: 'ruby-http',
  template: {
    'template.yml':
      'language: ruby\nfprocess: ruby index.rb\nbuild_options:\n  - name: dev\n    packages:\n      - build-essential\n',
    Dockerfile: `FROM {registry}/ghcr.io/openfaas/of-watchdog:0.10.9 as watchdog
FROM {registry}/ruby:3.4.3-slim

RUN apt-get update && apt-get install -qqy \\
    build-essential \\
    libssl-dev \\
    zlib1g-dev \\
    && rm -rf /var/lib/apt/lists/*
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
ARG ADDITIONAL_PACKAGE
RUN apt-get update \\
  && apt-get install -qy --no-install-recommends \${ADDITIONAL_PACKAGE}
WORKDIR /home/app
COPY Gemfile    \t\t.
COPY index.rb       .
COPY function       function
RUN bundle install \\
  && mkdir -p /home/app/function
WORKDIR /home/app/function
RUN bundle install 
RUN addgroup --system app \\
    && adduser --system --ingroup app app
RUN chown app:app -R /home/app
USER app
WORKDIR /home/app
ENV fprocess="ruby index.rb"
EXPOSE 8080
${healthcheck(2)}
${httpMode(5000)}
CMD ["fwatchdog"]
`,
    Gemfile: "source 'https://gems.example'\n",
    'index.rb': '. ./function/handler.rb\n',
    'function/Gemfile': '',
    'function/handler.rb': 'an example that the handler replaces\n',
  },
  handler: { Gemfile: "gem 'x'\n", 'handler.rb': shellHandler },
  config: { User: 'app', Cmd: ['fwatchdog'], ExposedPorts: { '8080/tcp': {} } },
  present: { 'home/app/function/Gemfile.lock': "gem 'x'\n", 'var/packages/libssl-dev': '' },
};

/** A glob of one kind of file, then the whole folder; an executable that the function calls; a folder within it. */
const bashStreaming: Shape = {
  name: 'bash-streaming',
  template: {
    'template.yml': 'language: bash-streaming\nfprocess: sh ./index.sh\n',
    Dockerfile: `FROM {registry}/openfaas/of-watchdog:0.7.1 as watchdog
FROM {registry}/alpine:3.10 as build
ARG ADDITIONAL_PKG=""
RUN apk add --no-cache \${ADDITIONAL_PKG}
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
RUN addgroup -S app && adduser app -S -G app
WORKDIR /root/
RUN mkdir -p /home/app
WORKDIR /home/app
COPY index.sh ./
WORKDIR /home/app/function
COPY function/*.sh ./
RUN test -f handler.sh && test ! -e notes.txt
COPY --chown=app:app function/ .
WORKDIR /home/app/
RUN chmod +rx -R ./function \\
    && chown app:app -R /home/app \\
    && chmod 777 /tmp
USER app
ENV mode="streaming"
ENV fprocess="sh ./index.sh"
EXPOSE 8080
${healthcheck(3)}
CMD ["fwatchdog"]
`,
    'index.sh': 'sh ./function/handler.sh\n',
    'function/handler.sh': 'echo an example that the handler replaces\n',
  },
  handler: {
    'handler.sh': './function/bin/answer\n',
    'x bin/answer': `#!/bin/sh\n${shellHandler}`,
    'notes.txt': 'notes\n',
  },
  buildArgs: { ADDITIONAL_PKG: 'ffmpeg sox' },
  config: { User: 'app', Cmd: ['fwatchdog'], Env: ['mode=streaming'] },
  present: { 'var/packages/ffmpeg': '', 'var/packages/sox': '', 'home/app/function/notes.txt': 'notes\n' },
};

/** The Dockerfile that `faas-cli new --lang dockerfile` writes. */
const dockerfile: Shape = {
  name: 'dockerfile',
  handler: {
    Dockerfile: `FROM {registry}/ghcr.io/openfaas/classic-watchdog:0.3.3 AS watchdog
FROM {registry}/alpine:3.22.2
RUN mkdir -p /home/app
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog

# Add non root user
RUN addgroup -S app && adduser app -S -G app
RUN chown app /home/app
WORKDIR /home/app
COPY bin/function /usr/bin/
USER app
ENV fprocess="function"
ENV write_debug="false"
EXPOSE 8080
${healthcheck(3)}
CMD ["fwatchdog"]
`,
    'x bin/function': `#!/bin/sh\n${shellHandler}`,
  },
  config: { User: 'app', Cmd: ['fwatchdog'], Env: ['write_debug=false'] },
};

/** No official template: a base of a company whose triggers do it all, a shell with options, a user by number. */
const company: Shape = {
  name: 'company-base',
  handler: {
    Dockerfile: `FROM {registry}/acme/functions:1
SHELL ["/bin/sh", "-o", "pipefail", "-c"]
RUN if false | cat; then echo "the shell has no pipefail"; exit 1; fi
USER 1000:1000
`,
    'x run': `#!/bin/sh\n${shellHandler}`,
  },
  config: { User: '1000:1000', WorkingDir: '/srv', Cmd: ['fwatchdog'], Env: ['fprocess=./run'] },
  present: { 'srv/triggered': 'as root\n' },
};

export const scriptShapes: readonly Shape[] = [php8, rubyHttp, bashStreaming, dockerfile, company];
