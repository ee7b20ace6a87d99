import type { Shape } from '../shape.js';
import { healthcheck, httpMode, shellHandler, watchdogOf } from './common.js';

interface PythonOptions {
  readonly lang: string;
  /** Lines of arguments before the first stage. */
  readonly globals: string;
  readonly base: string;
  /** Lines that install packages and add the user. */
  readonly prepare: string;
  readonly templateYml?: string;
}

/** Stages for build, tests and shipping, where the build needs no tests; a base whose version is an argument. */
function python({ lang, globals, base, prepare, templateYml = '' }: PythonOptions) {
  return {
    'template.yml': `language: ${lang}\nfprocess: python index.py\n${templateYml}`,
    Dockerfile: `${globals}
${watchdogOf('of-watchdog:0.11.3')}
FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/python:${base} AS build
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
${prepare}
USER app
ENV PATH=$PATH:/home/app/.local/bin
WORKDIR /home/app/
COPY --chown=app:app index.py           .
COPY --chown=app:app requirements.txt   .
USER root
RUN pip install --no-cache-dir -r requirements.txt
USER app
RUN mkdir -p function
RUN touch ./function/__init__.py
WORKDIR /home/app/function/
COPY --chown=app:app function/requirements.txt\t.
RUN pip install --no-cache-dir --user -r requirements.txt
USER root
COPY --chown=app:app function/   .

FROM build AS test
ARG TEST_COMMAND=tox
ARG TEST_ENABLED=true
RUN [ "$TEST_ENABLED" = "false" ] && echo "skipping tests" || eval "$TEST_COMMAND"

FROM build AS ship
WORKDIR /home/app/
USER app
ENV fprocess="python index.py"
ENV cgi_headers="true"
${httpMode(5000)}
${healthcheck(5)}
CMD ["fwatchdog"]
`,
    'index.py': '. ./function/handler.py\n',
    'requirements.txt': 'flask\n',
    'function/requirements.txt': '',
    'function/handler.py': 'an example that the handler replaces\n',
    'function/tox.ini': '[tox]\n',
  };
}

const handler = { 'handler.py': shellHandler, 'requirements.txt': 'requests\n' };
const config = { User: 'app', Cmd: ['fwatchdog'], Env: ['cgi_headers=true'] };
const present = {
  'home/app/function/__init__.py': '',
  'home/app/.local/function': 'requests\n',
  'usr/local/lib/app': 'flask\n',
};

const upgrade = (command: string) =>
  `if [ "\${UPGRADE_PACKAGES}" = "true" ] || [ "\${UPGRADE_PACKAGES}" = "1" ]; then ${command}; fi`;
const alpineUser = 'RUN addgroup -S app && adduser app -S -G app\nRUN chown app /home/app';
const debian = (install: string) => `ARG ADDITIONAL_PACKAGE
RUN apt-get update -qy \\
    && ${upgrade('apt-get upgrade -qy')} \\
    && apt-get install -qy --no-install-recommends ${install} \${ADDITIONAL_PACKAGE} \\
    && rm -rf /var/lib/apt/lists/*
RUN addgroup --system app \\
    && adduser app --system --ingroup app --home /home/app \\
    && chown app:app /home/app`;

/** With the version of the base from `build_args`, and the packages of a build option. */
const python3Http: Shape = {
  name: 'python3-http',
  template: python({
    lang: 'python3-http',
    globals: 'ARG PYTHON_VERSION=3.0',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of a Dockerfile.
    base: '${PYTHON_VERSION}-alpine',
    prepare: `ARG UPGRADE_PACKAGES
ARG ADDITIONAL_PACKAGE
RUN ${upgrade('apk --no-cache upgrade')} && \\
    apk --no-cache add \${ADDITIONAL_PACKAGE}
${alpineUser}`,
    templateYml:
      'build_options:\n  - name: dev\n    packages:\n      - make\n      - gcc\n      - libffi-dev\n',
  }),
  handler,
  buildOptions: ['dev'],
  buildArgs: { PYTHON_VERSION: '3.12', TEST_ENABLED: 'false' },
  packages: 'make gcc libffi-dev',
  config,
  present: { ...present, 'var/packages/make': '', 'var/packages/libffi-dev': '' },
};

/** Two arguments in the name of a base. Its tests must not be run: nothing needs their stage. */
const python3HttpDebian: Shape = {
  name: 'python3-http-debian',
  template: python({
    lang: 'python3-http-debian',
    globals: 'ARG PYTHON_VERSION=3.12\nARG DEBIAN_OS=slim-bookworm',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of a Dockerfile.
    base: '${PYTHON_VERSION}-${DEBIAN_OS}',
    prepare: `ARG UPGRADE_PACKAGES=false\n${debian('gcc make')}`,
    templateYml: 'build_options:\n  - name: libpq\n    packages: [libpq-dev, python3-dev]\n',
  }),
  handler,
  buildOptions: ['libpq'],
  packages: 'libpq-dev python3-dev',
  config,
  present: { ...present, 'var/packages/libpq-dev': '', 'var/packages/make': '' },
  absent: ['var/lib/apt/lists/index'],
};

/** A comment with different indentation after a step of two lines; a build argument that makes a condition true. */
const python3Flask: Shape = {
  name: 'python3-flask',
  template: python({
    lang: 'python3-flask',
    globals: 'ARG PYTHON_VERSION=3.12',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of a Dockerfile.
    base: '${PYTHON_VERSION}-alpine',
    prepare: `ARG UPGRADE_PACKAGES=false
ARG ADDITIONAL_PACKAGE
# A comment before a step.
RUN ${upgrade('apk --no-cache upgrade')} && \\
    # A comment inside of one.
    apk --no-cache add openssl-dev \${ADDITIONAL_PACKAGE}
    # A comment that is indented.
${alpineUser}`,
  }),
  handler,
  buildArgs: { UPGRADE_PACKAGES: 'true' },
  config,
  present: { ...present, 'var/packages/openssl-dev': '', 'var/packages/.upgraded': '' },
};

/** A global argument that no stage declares, so that it is empty in its steps. */
const python3FlaskDebian: Shape = {
  name: 'python3-flask-debian',
  template: python({
    lang: 'python3-flask-debian',
    globals: 'ARG PYTHON_VERSION=3.12\nARG DEBIAN_OS=slim-bookworm\nARG UPGRADE_PACKAGES=true',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of a Dockerfile.
    base: '${PYTHON_VERSION}-${DEBIAN_OS}',
    prepare: debian('gcc make'),
  }),
  handler,
  config,
  present: { ...present, 'var/packages/gcc': '' },
  absent: ['var/packages/.upgraded'],
};

export const pythonShapes: readonly Shape[] = [
  python3Http,
  python3HttpDebian,
  python3Flask,
  python3FlaskDebian,
];
