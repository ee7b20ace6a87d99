/** The first stage of nearly all templates. */
export const watchdogOf = (image: string): string =>
  `FROM --platform=\${TARGETPLATFORM:-linux/amd64} {registry}/ghcr.io/openfaas/${image} AS watchdog`;

/** The health check of every template. Its lock is written by the watchdog. */
export const healthcheck = (seconds: number): string =>
  `HEALTHCHECK --interval=${seconds}s CMD [ -e /tmp/.lock ] || exit 1`;

export const httpMode = (port: number): string =>
  `ENV mode="http"\nENV upstream_url="http://127.0.0.1:${port}"`;

/** A handler in the language of the stand-ins for interpreters, which is that of the shell. */
export const shellHandler = 'echo "{answer} $(cat)"\n';
