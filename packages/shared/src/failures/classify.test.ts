import { expect, test } from 'vitest';
import { classify, type EngineFailure } from './classify.js';

/** Real engine messages: BuildKit 0.34 and buildah 1.28, hosts shortened. The conformance suite provokes most of them again. */
const said: [code: string, message: string, more?: Partial<EngineFailure>][] = [
  // Failing steps with misleading output.
  [
    'build_failed',
    'failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
  ],
  [
    'build_failed',
    'failed to solve: process "/bin/sh -c echo failed to push x: 401 Unauthorized" did not complete successfully: exit code: 1',
  ],
  ['build_failed', 'building at STEP "RUN exit 3": exit status 3'],
  ['build_failed', 'building at STEP "RUN exit 3": while running runtime: exit status 3'],
  ['build_failed', 'building at STEP "RUN echo pinging container registry x: dial tcp": exit status 1'],
  ['build_failed', 'building at STEP "RUN a \\\n  b": exit status 1'],

  // Steps ended by SIGKILL.
  ...[
    'failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 137',
    'process "/bin/sh -c make" did not complete successfully: exit code: 137',
    'failed to solve: process "/bin/sh -c make" did not complete successfully: killed by signal: killed',
    'failed to solve: process "/bin/sh -c make" did not complete successfully: signal: killed',
    'failed to solve: process "/bin/sh -c a \\\n  b" did not complete successfully: exit code: 137\n',
    'failed to solve: process "/bin/sh -c make" did not complete successfully: fork/exec /bin/sh: cannot allocate memory',
    'failed to solve: failed to mount /tmp/x: cannot allocate memory',
    'v: 2026-01-02T03:04:05Z ERROR [2/2] RUN make: process "/bin/sh -c make" did not complete successfully: exit code: 137',
    'v: 2026-01-02T03:04:05Z ERROR [2/2] RUN make: exit code: 137',
    'exit code: 137',
    'building at STEP "RUN make": exit status 137',
    'building at STEP "RUN make": while running runtime: exit status 137',
    'building at STEP "RUN make": while running runtime: signal: killed',
  ].map((message): [string, string] => ['step_killed', message]),
  // Messages of steps that only mention memory.
  ...[
    'failed to solve: process "/bin/sh -c echo \\" did not complete successfully: exit code: 137" did not complete successfully: exit code: 1',
    'failed to solve: process "/bin/sh -c echo cannot allocate memory" did not complete successfully: exit code: 1',
    'failed to solve: process "/bin/sh -c x" did not complete successfully: exit code: 1370',
    'building at STEP "RUN echo : exit status 137": exit status 1',
    'l: 2026-01-02T03:04:05Z exit code: 137',
  ].map((message): [string, string] => ['build_failed', message]),

  // Invalid Dockerfiles.
  [
    'build_failed',
    'failed to solve: dockerfile parse error on line 1: unknown instruction: FROMX (did you mean FROM?)',
  ],
  ['build_failed', 'no FROM statement found'],
  [
    'build_failed',
    'failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/missing": not found',
  ],
  [
    'build_failed',
    'building at STEP "COPY missing /bin/sh": checking on sources under "/x": copier: stat: "/missing": no such file or directory',
  ],
  // The user is responsible for files that a Dockerfile fetches.
  [
    'build_failed',
    'failed to solve: failed to load cache key: Get "http://h/missing": dial tcp 127.0.0.1:1: connect: connection refused',
  ],
  [
    'build_failed',
    'building at STEP "ADD http://h/missing /": reading "http://h/missing": Get "http://h/missing": dial tcp 127.0.0.1:1: connect: connection refused',
  ],

  // Base images.
  ['build_failed', 'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: h/x:1: not found'],
  [
    'build_failed',
    'creating build container: initializing source docker://h/x:1: reading manifest 1 in h/x: manifest unknown',
  ],
  [
    'build_failed',
    'creating build container: pull policy is always but image has been referred to by ID (959b8e33f04a)',
  ],
  [
    'platform_unsupported',
    'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: no match for platform in manifest: not found',
  ],
  [
    'platform_unsupported',
    'creating build container: choosing an image from manifest list docker://h/x:1: no image found in image index for architecture arm64, variant "", OS linux',
  ],
  [
    'pull_rate_limited',
    'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: unexpected status from HEAD request to http://h/v2/x/manifests/1: 429 Too Many Requests',
  ],
  [
    'pull_rate_limited',
    'creating build container: initializing source docker://h/x:1: reading manifest 1 in h/x: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit',
  ],
  [
    'pull_unauthorized',
    'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: unexpected status from HEAD request to http://h/v2/x/manifests/1: 403 Forbidden\ndenied',
  ],
  [
    'pull_unauthorized',
    'failed to solve: alpinee: failed to resolve source metadata for docker.io/library/alpinee:latest: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
  ],
  [
    'pull_unauthorized',
    'creating build container: initializing source docker://h/x:1: reading manifest 1 in h/x: unauthorized: authentication required',
  ],
  [
    'registry_unreachable',
    'failed to solve: alpine: failed to resolve source metadata for docker.io/library/alpine:latest: failed to do request: Head "https://registry-1.docker.io/v2/library/alpine/manifests/latest": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host',
  ],
  [
    'registry_unreachable',
    'creating build container: initializing source docker://alpine:latest: pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host',
  ],
  [
    'registry_unreachable',
    'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: unexpected status from HEAD request to http://h/v2/x/manifests/1: 500 Internal Server Error',
  ],
  [
    'registry_unreachable',
    'creating build container: initializing source docker://h/x:1: reading manifest 1 in h/x: received unexpected HTTP status: 500 Internal Server Error',
  ],
  [
    'registry_unreachable',
    'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: failed to do request: Head "http://h/v2/x/manifests/1": EOF',
  ],
  [
    'registry_insecure',
    'failed to solve: h/x:1: failed to resolve source metadata for h/x:1: failed to do request: Head "https://h/v2/x/manifests/1": http: server gave HTTP response to HTTPS client',
  ],

  // Pushes.
  [
    'registry_unreachable',
    'failed to solve: failed to push h/x:1: failed to do request: Head "http://h/v2/x/blobs/sha256:f9": dial tcp 127.0.0.1:1: connect: connection refused',
  ],
  [
    'registry_unreachable',
    'pushing image "sha256:95" to "docker://h/x:1": trying to reuse blob sha256:6f at destination: pinging container registry h: Get "http://h/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    { stage: 'push' },
  ],
  [
    'push_unauthorized',
    'failed to solve: failed to push h/x:1: unexpected status from HEAD request to http://h/v2/x/blobs/sha256:f9: 401 Unauthorized',
  ],
  ['push_unauthorized', 'failed to solve: failed to push h/x:1: denied'],
  [
    'push_unauthorized',
    'pushing image "sha256:95" to "docker://h/x:1": trying to reuse blob sha256:6f at destination: failed to read from destination repository x: 403 (Forbidden)',
    { stage: 'push' },
  ],
  [
    'push_unauthorized',
    'pushing image "sha256:95" to "docker://h/x:1": trying to reuse blob sha256:6f at destination: checking whether a blob sha256:6f exists in h/x: unauthorized: authentication required',
    { stage: 'push' },
  ],
  [
    'push_failed',
    'failed to solve: failed to push h/x:1: unexpected status from HEAD request to http://h/v2/x/blobs/sha256:02: 500 Internal Server Error',
  ],
  ['push_failed', 'failed to solve: failed to push h/x:1: unknown: no space'],
  [
    'push_rate_limited',
    'failed to solve: failed to push h/x:1: unexpected status from HEAD request to http://h/v2/x/blobs/sha256:f9: 429 Too Many Requests',
  ],
  [
    'push_failed',
    'pushing image "sha256:95" to "docker://h/x:1": writing blob: initiating layer upload to /v2/x/blobs/uploads/ in h: received unexpected HTTP status: 507 Insufficient Storage',
    { stage: 'push' },
  ],
  [
    'registry_insecure',
    'pushing image "sha256:95" to "docker://h/x:1": trying to reuse blob sha256:6f at destination: pinging container registry h: Get "https://h/v2/": http: server gave HTTP response to HTTPS client',
    { stage: 'push' },
  ],

  [
    'registry_untrusted',
    'failed to solve: failed to push h/x:1: failed to do request: Head "https://h/v2/x/blobs/sha256:f9": tls: failed to verify certificate: x509: certificate signed by unknown authority',
  ],
  [
    'registry_untrusted',
    'pushing image "sha256:95" to "docker://h/x:1": trying to reuse blob sha256:6f at destination: pinging container registry h: Get "https://h/v2/": x509: certificate signed by unknown authority',
    { stage: 'push' },
  ],
  [
    'credential_helper_failed',
    'failed to solve: failed to push h/x:1: error getting credentials - err: exec: "docker-credential-ecr-login": executable file not found in $PATH, out: ``',
  ],
  [
    'registry_unreachable',
    'failed to solve: failed to push h/x:1: error getting credentials - err: exit status 1, out: `Post "https://sts/": dial tcp: lookup sts: i/o timeout`',
  ],
  // The push requests a token; without the stage this could be a pull.
  [
    'push_unauthorized',
    'failed to solve: failed to fetch oauth token: unexpected status from POST request to http://h/token: 401 Unauthorized',
    { stage: 'push' },
  ],
  [
    'push_failed',
    'failed to solve: failed to fetch anonymous token: unexpected status from GET request to http://h/token?scope=repository%3Ax%2Fdenied%3Apull%2Cpush: 503 Service Unavailable',
    { stage: 'push' },
  ],
  [
    'builder_lost',
    'failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF',
    { stage: 'push' },
  ],
  // Older versions of BuildKit, which do not name the push.
  ['push_repository_missing', 'failed to solve: unexpected status: 404 Not Found'],
  ['push_too_large', 'failed to solve: failed to copy: unexpected status: 413 Request Entity Too Large'],
  [
    'push_tag_immutable',
    "failed to solve: tag invalid: The image tag '1' already exists in the 'x' repository and cannot be overwritten because the repository is immutable.",
  ],
  [
    'push_unauthorized',
    'failed to solve: rpc error: code = Unknown desc = failed commit on ref "manifest-sha256:a5": unexpected status: 403 Forbidden',
  ],
  // A manifest lookup that a registry's policy forbids does not concern the tag.
  [
    'push_rejected',
    'failed to solve: failed to push h/x:1: unexpected status from HEAD request to https://h/v2/x/manifests/1: 412 Precondition Failed',
  ],
  [
    'push_unauthorized',
    'failed to solve: failed to push docker.io/a/b:1: push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
  ],

  // Names that look like faults.
  ['push_failed', 'failed to solve: failed to push h/quota-exceeded/immutable/denied:413: unknown: no space'],
  [
    'push_failed',
    'pushing image "sha256:95" to "docker://h/tag-immutable/too-large:404": writing blob: initiating layer upload to /v2/tag-immutable/name-unknown/blobs/uploads/ in h:404: received unexpected HTTP status: 502 Bad Gateway',
    { stage: 'push' },
  ],
  [
    'push_repository_missing',
    "failed to solve: failed to push h/denied/x:1: unknown: The repository with name 'quota exceeded' does not exist in the registry with id '1'",
  ],
  [
    'push_failed',
    'failed to solve: failed to push h/denied/unauthorized:1: unexpected status from HEAD request to http://h/v2/denied/unauthorized/blobs/sha256:02: 500 Internal Server Error',
  ],
  [
    'registry_unreachable',
    'creating build container: initializing source docker://h/toomanyrequests:1: reading manifest 1 in h/toomanyrequests: received unexpected HTTP status: 500 Internal Server Error',
  ],

  // Faults of the engine itself.
  [
    'engine_unreachable',
    'listing workers for Build: failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial unix /x.sock: connect: no such file or directory"',
  ],
  [
    'engine_unreachable',
    'listing workers for Build: failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"',
  ],
  [
    'builder_lost',
    'failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF',
  ],
  ['storage_full', 'failed to solve: failed to copy files: copy file range failed: no space left on device'],

  // Text of a Dockerfile within a message does not blame the engine.
  ...[
    'failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/error reading from server": not found',
    'failed to solve: dockerfile parse error on line 2: unknown instruction: transport is closing',
    'failed to solve: failed to compute cache key: "/failed to list workers: ": not found',
    'failed to solve: failed to compute cache key: "/x: no space left on device": not found',
    'failed to solve: target stage "Unavailable" could not be found',
  ].map((message): [string, string] => ['build_failed', message]),

  // A step for another platform, in contrast to a broken step.
  [
    'platform_unsupported',
    'failed to solve: process "/bin/sh -c echo hi" did not complete successfully: exit code: 1',
    { foreignPlatform: true, output: ['exec /bin/sh: exec format error'] },
  ],
  [
    'build_failed',
    'failed to solve: process "/bin/sh -c echo hi" did not complete successfully: exit code: 1',
    { foreignPlatform: false, output: ['exec /bin/sh: exec format error'] },
  ],
];

test.each(said)('%s: %s', (code, message, more = {}) => {
  expect(classify({ message, stage: 'build', output: [], foreignPlatform: false, ...more })).toBe(code);
});
