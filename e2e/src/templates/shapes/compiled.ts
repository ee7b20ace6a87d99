import type { Shape } from '../shape.js';
import { healthcheck, httpMode, shellHandler, watchdogOf } from './common.js';

/** The build platform and the target platform in one file; names of both as arguments; a check of all sources but vendored ones. */
const goFile = (beforeTests: string) => `${watchdogOf('of-watchdog:0.11.3')}
FROM --platform=\${BUILDPLATFORM:-linux/amd64} {registry}/golang:1.25-alpine AS build
ARG TARGETPLATFORM
ARG BUILDPLATFORM
ARG TARGETOS
ARG TARGETARCH
RUN apk --no-cache add git
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
RUN mkdir -p /go/src/handler
WORKDIR /go/src/handler
COPY . .
ARG GO111MODULE="on"
ARG GOPROXY=""
ARG GOFLAGS=""
ARG CGO_ENABLED=0
ENV CGO_ENABLED=\${CGO_ENABLED}
RUN test -z "$(gofmt -l $(find . -type f -name '*.go' -not -path "./vendor/*" -not -path "./function/vendor/*"))" || { echo "Run \\"gofmt -s -w\\" on your code"; exit 1; }
${beforeTests}WORKDIR /go/src/handler/function
RUN mkdir -p /go/src/handler/function/static
RUN GOOS=\${TARGETOS} GOARCH=\${TARGETARCH} GOFLAGS=\${GOFLAGS} go test ./... -cover
WORKDIR /go/src/handler
RUN CGO_ENABLED=\${CGO_ENABLED} GOOS=\${TARGETOS} GOARCH=\${TARGETARCH} GOFLAGS=\${GOFLAGS} \\
    go build --ldflags "-s -w" -o handler .

FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/alpine:3.22.2 AS ship
RUN apk --no-cache add ca-certificates \\
    && addgroup -S app && adduser -S -g app app
RUN mkdir -p /home/app \\
    && chown app /home/app
WORKDIR /home/app
COPY --from=build --chown=app /go/src/handler/handler           .
COPY --from=build --chown=app /usr/bin/fwatchdog                .
COPY --from=build --chown=app /go/src/handler/function/static   static
USER app
ENV fprocess="./handler"
${httpMode(8082)}
CMD ["./fwatchdog"]
`;
const goConfig = { User: 'app', Cmd: ['./fwatchdog'], Env: ['mode=http'] };
const goMain = '#!/bin/sh\n';

/** A workspace of two modules, and modules that are turned off for vendored code. */
const golangMiddleware: Shape = {
  name: 'golang-middleware',
  template: {
    'template.yml': 'language: golang-middleware\nfprocess: ./handler\n',
    Dockerfile: goFile(''),
    'go.mod': 'module handler\n',
    'go.work': 'use (\n\t.\n\t./function\n)\n',
    'main.go': goMain,
    'function/go.mod': 'module handler/function\n',
    'function/handler.go': 'an example that the handler replaces\n',
  },
  handler: {
    'go.mod': 'module handler/function\n',
    'handler.go': shellHandler,
    'static/index.html': '<p>static</p>\n',
    'vendor/github.com/acme/lib/lib.go': 'badly formatted, and not looked at\n',
    'vendor/modules.txt': '# github.com/acme/lib v1.0.0\n',
  },
  buildArgs: { GO111MODULE: 'off' },
  config: goConfig,
  present: { 'home/app/static/index.html': '<p>static</p>\n' },
};

/** An ignore file without a line, and a script of the template that moves the handler's files. */
const golangHttp: Shape = {
  name: 'golang-http',
  template: {
    'template.yml': 'language: golang-http\nfprocess: ./handler\n',
    '.dockerignore': '',
    Dockerfile: goFile('RUN sh ./modules-cleanup.sh\n'),
    'go.mod': 'module handler\n',
    'go.sum': '',
    'main.go': goMain,
    'modules-cleanup.sh': `set -e
if [ -d ./function/vendor ]; then mv ./function/vendor .; fi
if [ "$(go env GO111MODULE)" = off ]; then exit; fi
mv ./function/go.mod ./function/go.sum .
sed -i 's/=> \\.\\//=> \\.\\/function\\//' go.mod
go mod edit -replace=handler/function=./function -module handler
`,
    'function/go.mod': 'module handler/function\n',
    'function/go.sum': '',
    'function/handler.go': 'an example that the handler replaces\n',
  },
  handler: {
    'go.mod': 'module handler/function\nreplace acme/part => ./part\n',
    'go.sum': 'acme/lib v1.0.0 h1:x\n',
    'handler.go': shellHandler,
    'part/part.go': 'package part\n',
    'vendor/modules.txt': '# acme/lib v1.0.0\n',
  },
  config: goConfig,
  absent: ['home/app/part'],
};

interface JavaOptions {
  readonly jdk: string;
  readonly jre: string;
  /** Lines of the last stage after its base, up to the environment. */
  readonly ship: string;
  readonly env: string;
}

/** A tool that is fetched and unpacked in a step; variables that are made of variables; several steps after COPY of all. */
const javaFile = ({ jdk, jre, ship, env }: JavaOptions) => `FROM {registry}/openjdk:${jdk} AS builder
ENV GRADLE_VER=7.6.3
RUN apt-get update -qqy \\
  && apt-get install -qqy \\
   --no-install-recommends \\
   curl \\
   ca-certificates
RUN mkdir -p /opt/ && cd /opt/ \\
    && echo "Downloading gradle.." \\
    && curl -sSfL "https://services.example/distributions/gradle-\${GRADLE_VER}-bin.tar" -o gradle-$GRADLE_VER-bin.tar \\
    && tar -xf gradle-$GRADLE_VER-bin.tar -C /opt/ \\
    && rm gradle-$GRADLE_VER-bin.tar

# Variables of variables
ENV GRADLE_HOME=/opt/gradle-$GRADLE_VER/
ENV PATH=$PATH:$GRADLE_HOME/bin
RUN mkdir -p /home/app/libs
ENV GRADLE_OPTS="-Dorg.gradle.daemon=false"
WORKDIR /home/app
COPY . /home/app/
RUN gradle build

FROM {registry}/ghcr.io/openfaas/of-watchdog:0.10.9 AS watchdog
FROM {registry}/openjdk:${jre} AS ship
${ship}WORKDIR /home/app/
${httpMode(8082)}
${env}
EXPOSE 8080
${healthcheck(5)}
CMD ["fwatchdog"]
`;
const fromWatchdog = 'COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog\nRUN chmod +x /usr/bin/fwatchdog\n';
const classes = (user: string) => ({
  ship: `RUN apt-get update -qqy \\
  && apt-get install -qqy --no-install-recommends tar
RUN addgroup --system app \\
    && adduser --system --ingroup app app
${fromWatchdog}WORKDIR /home/app
COPY --from=builder /home/app/function/build/distributions/function-1.0.tar ./function-1.0.tar
${user}
RUN tar -xf ./function-1.0.tar
`,
  env: `ENV CLASSPATH="/home/app/function-1.0/function-1.0.jar:/home/app/function-1.0/lib/*"
ENV fprocess="java -XX:+UseContainerSupport com.openfaas.entrypoint.App"`,
});
const javaTemplate = (dockerfile: string, lang: string) => ({
  'template.yml': `language: ${lang}\nwelcome_message: |\n  A function on a JVM.\n`,
  Dockerfile: dockerfile,
  'build.gradle': '',
  'settings.gradle': "include ':function'\n",
  'gradle/wrapper/gradle-wrapper.jar': 'PK\x03\x04\0\xff\xfe',
  'x gradlew': '#!/bin/sh\n',
  'function/build.gradle': '',
  'function/settings.gradle': '',
  'x function/gradlew': '#!/bin/sh\n',
  'function/src/main/java/com/openfaas/function/Handler.java': 'an example that the handler replaces\n',
});
const javaHandler = {
  'build.gradle': "version = '1.0'\n",
  'settings.gradle': '',
  'src/main/java/com/openfaas/function/Handler.java': shellHandler,
  'src/main/resources/webroot/index.html': '<p>web</p>\n',
};
const javaConfig = { User: 'app', Cmd: ['fwatchdog'], ExposedPorts: { '8080/tcp': {} } };

const java17: Shape = {
  name: 'java17',
  template: javaTemplate(javaFile({ jdk: '17-jdk-slim', jre: '17-slim', ...classes('USER app') }), 'java17'),
  handler: javaHandler,
  config: javaConfig,
};

/** An instruction in lower case. */
const java11: Shape = {
  name: 'java11',
  template: javaTemplate(
    javaFile({ jdk: '11-jdk-slim', jre: '11-jre-slim', ...classes('user app') }),
    'java11',
  ),
  handler: javaHandler,
  config: javaConfig,
};

const java11VertX: Shape = {
  name: 'java11-vert-x',
  template: javaTemplate(
    javaFile({
      ...{ jdk: '11-jdk-slim', jre: '11-jre-slim' },
      ship: `${fromWatchdog}WORKDIR /home/app
COPY --from=builder /home/app/entrypoint/build/libs/app.jar ./app.jar
RUN addgroup --system app \\
    && adduser --system --ingroup app app
WORKDIR /home/app/
RUN chown -R app /home/app
USER app
`,
      env: `# ENV CLASSPATH="/home/app/entrypoint-1.0/lib/*"
ENV fprocess="java -XX:+UseContainerSupport -Dvertx.cacheDirBase=/tmp/.vertx-cache -jar app.jar"`,
    }),
    'java11-vert-x',
  ),
  handler: javaHandler,
  config: javaConfig,
};

/** Ignored folders at any depth, after a slash; a source path without one; a user of the base; an entry point. */
const dotnet8: Shape = {
  name: 'dotnet8-csharp',
  template: {
    'template.yml': 'language: dotnet8-csharp\nfprocess: dotnet ./Root.dll\n',
    '.dockerignore': '/**/bin/**\n/**/obj/**\n',
    Dockerfile: `${watchdogOf('of-watchdog:0.10.1').replace(' AS ', ' as ')}
FROM --platform=\${BUILDPLATFORM:-linux/amd64} {registry}/mcr.microsoft.com/dotnet/sdk:8.0 AS build
ARG TARGETPLATFORM
ARG BUILDPLATFORM
ENV DOTNET_CLI_TELEMETRY_OPTOUT 1
WORKDIR /src
COPY Root.csproj .
COPY function/Function.csproj function/
RUN dotnet restore Root.csproj
COPY . .
RUN dotnet publish -c release -o /app
RUN mkdir -p function/static

FROM --platform=\${TARGETPLATFORM:-linux/amd64}  {registry}/mcr.microsoft.com/dotnet/aspnet:8.0
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog
WORKDIR /app
COPY --from=build /app .
COPY --from=build src/function/static static
USER app
ENV fprocess="dotnet Root.dll"
${httpMode(3000)}
ENTRYPOINT ["fwatchdog"]
`,
    'Root.csproj': '<Project />\n',
    'Program.cs': '',
    'function/Function.csproj': '<Project />\n',
    'function/Handler.cs': 'an example that the handler replaces\n',
  },
  handler: {
    'Function.csproj': '<Project />\n',
    'Handler.cs': shellHandler,
    'bin/Debug/net8.0/Function.dll': 'left out\n',
    'deep/obj/project.assets.json': 'left out\n',
    'static/style.css': 'p {}\n',
  },
  config: { User: 'app', Entrypoint: ['fwatchdog'], WorkingDir: '/app' },
  present: { 'app/static/style.css': 'p {}\n' },
};

export const compiledShapes: readonly Shape[] = [
  golangMiddleware,
  golangHttp,
  java17,
  java11,
  java11VertX,
  dotnet8,
];
