/** What the engines' clients need to know of our environment. No secret of ours is among them. */
const passedOn = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
];

/** The environment of an engine's child processes: an allowlist of ours, and `more`. */
export function engineEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of passedOn) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return { ...kept, ...more };
}
