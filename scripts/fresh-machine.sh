#!/usr/bin/env bash
# Runs a command in a fresh clone of the committed HEAD, on a machine that has nothing but Debian, git and Node.js:
#
#   scripts/fresh-machine.sh [--go] [--keep] [--] npm run demo
#
# --go    also brings this machine's Go toolchain
# --keep  leaves the machine's folder there and says where it is
#
# The machine is a folder made with debootstrap, in mount, process and IPC namespaces of its own; its network is the
# host's. When the command has ended, what it left running is killed and its mounts are gone with the namespaces.
# Needs root on Debian or Ubuntu. How packages are reached (mirrors, proxies, certificates, npm and Go settings) is
# taken from the host.
set -euo pipefail

suite=bookworm
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'fresh-machine: %s\n' "$*"; }
fail() {
  printf 'fresh-machine: %s\n' "$*" >&2
  exit 1
}

# ---- inside the namespaces: mounts what a machine has, makes the folder its root, and runs the command ----
if [ "${1:-}" = --inside ]; then
  machine=$2
  shift 2
  mount --make-rprivate /
  mount --bind "$machine" "$machine"
  mount -t proc proc "$machine/proc"
  mount --rbind /sys "$machine/sys"
  mount --rbind /dev "$machine/dev"
  mount -t tmpfs -o mode=755 tmpfs "$machine/run"
  mkdir -p "$machine/.host"
  cd "$machine"
  # Not chroot: runc needs a root that is a mount, as that of a real machine is.
  pivot_root . .host
  umount -l /.host
  rmdir /.host
  cd /root/slipway
  # This shell stays process 1, which collects what its children leave behind.
  code=0
  "$@" || code=$?
  exit "$code"
fi

# ---- on the host ----
go=false
keep=false
while [ $# -gt 0 ]; do
  case $1 in
    --go) go=true ;;
    --keep) keep=true ;;
    --) shift && break ;;
    -*) fail "no such option: $1" ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || fail 'which command shall run there?'
[ "$(id -u)" = 0 ] || fail 'this needs root'
if ! command -v debootstrap >/dev/null; then
  say 'installing debootstrap'
  apt-get update -qq
  apt-get install -qq --yes --no-install-recommends debootstrap >/dev/null
fi

machine=$(mktemp -d /var/tmp/slipway-machine.XXXXXX)
chmod 755 "$machine"
clean_up() {
  if $keep; then
    say "kept in $machine"
  else
    # --one-file-system: whatever might still be mounted there is not to be emptied.
    rm -rf --one-file-system "$machine"
  fi
}
trap clean_up EXIT

mirror=$(sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
  grep -E '/debian/?$' | head -n 1 || true)
say "debootstrap $suite"
debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$machine" ${mirror:+"$mirror"} >"$machine.log" 2>&1 ||
  fail "debootstrap failed: $(tail -n 5 "$machine.log")"
rm -f "$machine.log"

say 'how packages are reached, as on this machine'
cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
rm -rf "$machine/etc/apt/sources.list" "$machine/etc/apt/sources.list.d"
for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/apt/keyrings \
  /etc/apt/trusted.gpg.d /etc/npmrc /usr/etc/npmrc "$HOME/.npmrc" "$HOME/.config/go/env" "$HOME/.netrc" \
  /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt; do
  [ -e "$path" ] || continue
  mkdir -p "$machine$(dirname "$path")"
  cp -RL "$path" "$machine$(dirname "$path")/"
done
# A policy of the host against starting services would hide that ours is missing.
rm -f "$machine/usr/sbin/policy-rc.d"

say "Node.js $(node --version), npm $(npm --version 2>/dev/null)"
node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
mkdir -p "$machine/usr/lib/node_modules"
cp "$node" "$machine/usr/bin/node"
cp -R "$npm" "$machine/usr/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$machine/usr/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$machine/usr/bin/npx"
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if $go; then
  say "$(go version)"
  cp -R "$(go env GOROOT)" "$machine/usr/local/go"
  path=/usr/local/go/bin:$path
fi

git clone --quiet "$checkout" "$machine/root/slipway"
git -C "$machine/root/slipway" remote remove origin
say "HEAD is $(git -C "$machine/root/slipway" log -1 --format='%h %s')"

environment=(HOME=/root "PATH=$path" "TERM=${TERM:-dumb}" LANG=C.UTF-8)
while IFS= read -r -d '' variable; do
  name=${variable%%=*}
  case ${name,,} in
    ci | http_proxy | https_proxy | no_proxy | npm_config_registry | npm_config_cafile | node_extra_ca_certs | \
      ssl_cert_file | ssl_cert_dir | curl_ca_bundle | git_ssl_cainfo | goproxy | gosumdb | goflags | gonosumdb | gonosumcheck)
      environment+=("$variable")
      ;;
  esac
done </proc/self/environ

say "$*"
started=$SECONDS
code=0
unshare --mount --pid --ipc --fork --kill-child -- \
  "$checkout/scripts/fresh-machine.sh" --inside "$machine" env -i "${environment[@]}" "$@" </dev/null || code=$?
say "ended with $code after $((SECONDS - started)) s"
exit "$code"
