import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { syntaxOf } from './syntax.js';

interface FrontendCheck {
  readonly dockerfile: Buffer;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Image references, as an operator writes them. */
  readonly allowed: readonly string[];
}

/**
 * Throws `frontend_not_allowed` when a build would load a frontend image that is not allowlisted. The build argument
 * BUILDKIT_SYNTAX asks for one too, and wins over the Dockerfile; both are held to the list.
 */
export function checkFrontend({ dockerfile, buildArgs, allowed }: FrontendCheck): void {
  const normal = new Set(allowed.map(normalReference));
  for (const frontend of requestedFrontends(dockerfile, buildArgs)) {
    if (!normal.has(normalReference(frontend))) {
      throw new SlipwayError(
        'frontend_not_allowed',
        `This builder does not load the frontend ${JSON.stringify(frontend.slice(0, 200))}.`,
      );
    }
  }
}

function requestedFrontends(dockerfile: Buffer, buildArgs: FrontendCheck['buildArgs']): string[] {
  const frontends = Object.entries(buildArgs)
    .filter(([name]) => name.toUpperCase() === 'BUILDKIT_SYNTAX')
    .map(([, value]) => value.trim().split(' ')[0] ?? '');
  const syntax = syntaxOf(dockerfile);
  return syntax === undefined ? frontends : [...frontends, syntax];
}

/** `docker/dockerfile:1` and `docker.io/docker/dockerfile:1` are the same image. What is no reference stays as it is. */
function normalReference(text: string): string {
  const reference = parseImageReference(text);
  if (!reference) return text;
  const { domain, path, tag, digest } = reference;
  const isHub = domain === '' || domain === 'docker.io' || domain === 'index.docker.io';
  const host = isHub ? 'docker.io' : domain;
  const repository = isHub && !path.includes('/') ? `library/${path}` : path;
  const version = digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`;
  return `${host}/${repository}${version}`;
}
