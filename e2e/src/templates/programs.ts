/**
 * Scripts in place of programs that need a network, or that are not on this machine. Each ends with 1, and says why, unless it is
 * called in the right folder, by the right user and with the right files, and writes the same files as the program. Interpreters
 * run their file as a shell does.
 */
const preamble = `#!/bin/sh
set -eu
fail() { echo "$(basename "$0") $*" >&2; ls -lan >&2; exit 1; }
needs() { for path in "$@"; do [ -e "$path" ] || fail "needs $path in $PWD"; done; }
without() { for path in "$@"; do [ ! -e "$path" ] || fail "must not see $path in $PWD"; done; }
inside() { [ "$PWD" = "$1" ] || fail "runs in $PWD, not in $1"; }
`;

/** `install` and `remove` of distribution packages, which are files in /var/packages. */
const packages = `[ "$(id -u)" = 0 ] || fail "is not root"
action=
for word in "$@"; do
  case $word in
    -*) ;;
    update) mkdir -p /var/lib/apt/lists; echo packages > /var/lib/apt/lists/index; exit 0 ;;
    upgrade) : > /var/packages/.upgraded; exit 0 ;;
    add|install|del) action=$word ;;
    *) if [ "$action" = del ]; then rm "/var/packages/$word"; else : > "/var/packages/$word"; fi ;;
  esac
done
[ -n "$action" ] || fail "has nothing to do: $*"
`;

/** Shell code that keeps the words that are neither options nor values of options. */
const names = `names=
while [ $# -gt 0 ]; do
  case $1 in
    -G|-g|--gecos|--ingroup) shift ;;
    -h|--home) shift; home=$1 ;;
    -*) ;;
    *) names="$names $1" ;;
  esac
  shift
done
`;

/** A package manager whose manifest is copied first. It may write to its working folder. */
const manifest = (file: string, sources: string, installed: string) => `case $1 in
  i|install|ci)
    needs ${file}
    without ${sources}
    mkdir -p "$(dirname ${installed})"
    cp ${file} ${installed}
`;

const runFile = 'exec sh "$1"\n';

const bodies = {
  fwatchdog: `# Answers one request: standard input is its body, standard output the answer.
: > /tmp/.lock
exec $fprocess
`,
  addgroup: `${names}set -- $names
echo "$1:x:$(($(wc -l < /etc/group) + 100)):" >> /etc/group
`,
  adduser: `home=
${names}set -- $names
gid=$(grep "^$1:" /etc/group | cut -d: -f3)
[ -n "$gid" ] || fail "knows no group $1"
home=\${home:-/home/$1}
echo "$1:x:$gid:$gid::$home:/bin/sh" >> /etc/passwd
mkdir -p "$home"
chown "$gid:$gid" "$home"
`,
  apk: packages,
  'apt-get': packages,
  npm: `${manifest('package.json', 'index.js handler.js', 'node_modules/.package-lock.json')}
    if [ "$1" = ci ]; then needs package-lock.json /root/.npm; fi ;;
  test)
    needs handler.js node_modules/.package-lock.json
    without node_modules/stale
    [ "$(readlink lib/linked.js 2>&1 || echo ../handler.js)" = ../handler.js ] || fail "lost a link" ;;
  start) exec node index.js ;;
  *) fail "does not know $1" ;;
esac
`,
  node: runFile,
  bun: `${manifest('package.json', 'index.js handler.js', 'node_modules/.bun')}
    case $* in *--no-lock*) fail "fails where it may" ;; esac
    needs bun.lockb jsconfig.json ;;
  run) exec sh "$2" ;;
esac
`,
  python: runFile,
  pip: `case $* in *"-r requirements.txt"*) needs requirements.txt ;; *) fail "$*" ;; esac
without handler.py
place=$(basename "$PWD")
case $* in
  *--user*)
    [ "$(id -un)" = app ] || fail "runs as $(id -un)"
    mkdir -p "$HOME/.local"
    cp requirements.txt "$HOME/.local/$place" ;;
  *) cp requirements.txt "/usr/local/lib/$place" ;;
esac
`,
  tox: 'fail "runs, in a stage that nothing needs"\n',
  go: `case $1 in
  env) echo "$GO111MODULE" ;;
  mod) inside /go/src/handler; needs go.mod go.sum; echo "replace handler/function => ./function" >> go.mod ;;
  test|build)
    case $(uname -m) in x86_64) machine=amd64 ;; aarch64) machine=arm64 ;; *) machine=$(uname -m) ;; esac
    [ "$GOOS/$GOARCH/$CGO_ENABLED" = "linux/$machine/0" ] || fail "builds for $GOOS/$GOARCH/$CGO_ENABLED" ;;
esac
case $1 in
  test) inside /go/src/handler/function; needs handler.go static ;;
  build)
    inside /go/src/handler
    needs main.go go.mod function/handler.go
    if [ "$GO111MODULE" = on ]; then
      needs vendor/modules.txt
      without function/vendor function/go.mod
      grep -q 'acme/part => ./function/part' go.mod || fail "reads another go.mod: $(cat go.mod)"
    else needs go.work function/go.mod function/vendor/github.com/acme/lib/lib.go; fi
    cat main.go function/handler.go > handler
    chmod 755 handler ;;
esac
`,
  gofmt: `[ "$1" = -l ]
shift
[ $# -gt 0 ] || fail "gets no files"
for path in "$@"; do case $path in */vendor/*) fail "gets $path" ;; esac; done
`,
  curl: `while [ "$1" != -o ]; do shift; done
version=$(basename "$2" -bin.tar)
mkdir -p "/tmp/$version/bin"
cat > "/tmp/$version/bin/gradle" <<'GRADLE'
#!/bin/sh
set -eu
[ "$1/$PWD/$GRADLE_OPTS" = "build//home/app/-Dorg.gradle.daemon=false" ]
grep -q ':function' settings.gradle
grep -q '1[.]0' function/build.gradle
[ -x gradlew ] && [ -x function/gradlew ] && [ -f function/src/main/resources/webroot/index.html ]
[ "$(od -An -tx1 gradle/wrapper/gradle-wrapper.jar | tr -d ' ')" = 504b030400fffe ]
mkdir -p function-1.0/lib entrypoint/build/libs function/build/distributions
cp function/src/main/java/com/openfaas/function/Handler.java function-1.0/function-1.0.jar
cp function-1.0/function-1.0.jar entrypoint/build/libs/app.jar
tar -cf function/build/distributions/function-1.0.tar function-1.0
GRADLE
chmod 755 "/tmp/$version/bin/gradle"
tar -C /tmp -cf "$2" "$version"
`,
  java: `for word in "$@"; do last=$word; done
case $last in *.jar) exec sh "$last" ;; esac
exec sh "\${CLASSPATH%%:*}"
`,
  dotnet: `case $1 in
  restore) inside /src; needs Root.csproj function/Function.csproj; without Program.cs function/Handler.cs ;;
  publish)
    inside /src
    needs Program.cs function/Handler.cs
    without function/bin/Debug/net8.0/Function.dll function/deep/obj/project.assets.json
    [ "$4" = -o ]
    mkdir -p "$5"
    cp function/Handler.cs "$5/Root.dll" ;;
  *) exec sh "$1" ;;
esac
`,
  composer: `inside /home/app/function
needs composer.json
[ "$(id -un)/$*" = "app/install --no-dev" ] || fail "runs $* as $(id -un)"
case $COMPOSER_AUTH in '{"http-basic": '*) ;; *) fail "has the credentials $COMPOSER_AUTH" ;; esac
mkdir vendor
cp composer.json vendor/autoload.php
`,
  php: runFile,
  ruby: runFile,
  bundle: 'needs Gemfile\ncp Gemfile Gemfile.lock\n',
};

export type ProgramName = keyof typeof bodies;

export const programs = Object.fromEntries(
  Object.entries(bodies).map(([name, body]) => [name, preamble + body]),
) as Readonly<Record<ProgramName, string>>;
