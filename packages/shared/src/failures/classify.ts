import type { ErrorCode } from '../errors/index.js';

interface Pattern {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
}

/**
 * What engines and registries say when a build fails for another reason than the build itself. The first
 * pattern that fits a line wins, the last lines first; a failure that none fits is the user's.
 */
const patterns: readonly Pattern[] = [
  { pattern: /toomanyrequests|429 Too Many Requests|pull rate limit/i, code: 'pull_rate_limited' },
  {
    pattern:
      /failed to push.*(?:401 Unauthorized|403 Forbidden|insufficient_scope|unauthorized|authentication required|denied)/i,
    code: 'push_unauthorized',
  },
  { pattern: /failed to authorize|no basic auth credentials/i, code: 'push_unauthorized' },
  {
    pattern:
      /(?:dial tcp|lookup) .*(?:connection refused|no such host|i\/o timeout|network is unreachable|server misbehaving)/i,
    code: 'registry_unreachable',
  },
  {
    pattern: /TLS handshake timeout|server gave HTTP response to HTTPS client/i,
    code: 'registry_unreachable',
  },
  { pattern: /failed to push|pushing (?:image|manifest).*(?:5\d\d|error)/i, code: 'push_failed' },
];

/** The code of a failed build, from the last lines of its log and its error message. */
export function classifyFailure(lines: readonly string[]): ErrorCode {
  for (const line of lines.toReversed()) {
    const found = patterns.find(({ pattern }) => pattern.test(line));
    if (found) return found.code;
  }
  return 'build_failed';
}
