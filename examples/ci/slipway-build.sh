#!/usr/bin/env bash
# Builds a folder that holds a Dockerfile through Slipway, with bash, curl (7.76 or newer), jq and tar alone.
#
#   SLIPWAY_URL=https://slipway.example.com SLIPWAY_TOKEN=... slipway-build.sh FOLDER IMAGE [FUNCTION]
#
# Uploads the folder, submits a job, waits for its end. The image with its digest goes to standard output, all else to
# standard error. Ends with 0, with 1 when the build failed or was canceled, after the end of its log, and with 3 when
# Slipway could not be reached or refused. SIGINT and SIGTERM cancel the job.
set -euo pipefail

folder=${1:?the folder with the Dockerfile}
image=${2:?what the image is called}
function=${3:-}
# The commit on which CI shows the build's state. For a pull request on GitHub pass VCS_SHA: GITHUB_SHA is a merge commit that the pull request does not show.
repo=${VCS_REPO:-${GITHUB_REPOSITORY:-${CI_PROJECT_PATH:-}}}
sha=${VCS_SHA:-${GITHUB_SHA:-${CI_COMMIT_SHA:-${GIT_COMMIT:-}}}}

url=${SLIPWAY_URL:?} token=${SLIPWAY_TOKEN:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

# A call of the API: its answer, or what it says is wrong and 3. The token is in no command line, which others could see.
api() {
  local path=$1
  shift
  if curl --silent --show-error --fail-with-body --retry 4 --retry-connrefused --output "$work/answer" \
    --header @<(printf 'authorization: Bearer %s\n' "$token") "$@" "${url%/}$path"; then
    cat "$work/answer"
  else
    if [ -s "$work/answer" ]; then
      jq -r '"\(.code): \(.detail // .title)"' "$work/answer" >&2 2>/dev/null || say "$url gave no answer of Slipway's"
    fi
    return 3
  fi
}

tar -C "$folder" -czf "$work/source.tgz" .
digest=$(api /v1/sources -X POST -H 'content-type: application/gzip' -T "$work/source.tgz" | jq -r .digest)

jq -n --arg image "$image" --arg digest "$digest" --arg function "$function" --arg repo "$repo" --arg sha "$sha" '
  {image: $image, source: {digest: $digest}}
  + if $function == "" then {} else {function: $function} end
  + if $repo == "" or $sha == "" then {} else {vcs: {repo: $repo, sha: $sha}} end
' > "$work/job.json"
# Each try of curl sends the same key, so that it finds the job of an earlier try.
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
id=$(api /v1/jobs -H 'content-type: application/json' -H "idempotency-key: $key" --data "@$work/job.json" | jq -r .id)
say "submitted $id: $url/v1/jobs/$id"
trap 'say "canceling $id"; kill $!; api "/v1/jobs/$id/cancel" -X POST > /dev/null; exit 1' INT TERM

shown=''
lost=0
while :; do
  # In the background, so that a signal is heeded at once.
  api "/v1/jobs/$id?wait=30" --max-time 60 > "$work/state.json" &
  if wait $!; then
    lost=0
  else
    # The API may just be restarting; the job goes on meanwhile.
    lost=$((lost + 1))
    [ "$lost" -lt 5 ] || { say "$id may still be going on"; exit 3; }
    sleep 3
    continue
  fi
  job=$(cat "$work/state.json")
  state=$(jq -r .state <<< "$job")
  [ "$state" = "$shown" ] || say "$state"
  shown=$state
  case $state in
    succeeded)
      jq -r '.result | if .digest then "\(.image)@\(.digest)" else .image end' <<< "$job"
      exit 0
      ;;
    failed | canceled) break ;;
  esac
done

# What a build prints must not be taken for commands to GitHub's runner.
fence=slipway-$RANDOM$RANDOM$RANDOM
[ -z "${GITHUB_ACTIONS:-}" ] || say "::stop-commands::$fence"
say "--- the end of the log ---"
api "/v1/jobs/$id/logs" -H 'accept: text/plain' | tail -n 50 >&2 || true
[ -z "${GITHUB_ACTIONS:-}" ] || say "::$fence::"
why=$(jq -r '"\(.error.code): \(.error.detail)"' <<< "$job")
if [ -n "${GITHUB_ACTIONS:-}" ]; then say "::error title=$image::$why"; else say "$state: $why"; fi
exit 1
