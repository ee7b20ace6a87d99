import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { syntaxOf } from './syntax.js';

interface FrontendCheck {
  readonly dockerfile: Buffer;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Image references, as an operator writes them. None for an engine that loads no frontends. */
  readonly allowed: readonly string[];
}

/**
 * Returns whether BuildKit must load a frontend image for a build. It need not for a Dockerfile that names no frontend, or the stable one of
 * Docker, which is built in. Throws `frontend_not_allowed` when the Dockerfile or the build argument BUILDKIT_SYNTAX names another
 * frontend that is not allowlisted. BuildKit goes by the build argument when there are both.
 */
export function mustLoadFrontend({ dockerfile, buildArgs, allowed }: FrontendCheck): boolean {
  const normal = new Set(allowed.map(normalReference));
  const isAllowed = (frontend: string) => normal.has(normalReference(frontend));
  const given = Object.entries(buildArgs)
    .filter(([name]) => name.toUpperCase() === syntaxArgument)
    .map(([name, value]) => ({ name, frontend: value.trim().split(' ')[0] ?? '' }));
  const syntax = syntaxOf(dockerfile);
  const refused = [...given.map(({ frontend }) => frontend), ...(syntax === undefined ? [] : [syntax])].find(
    (frontend) => !isAllowed(frontend) && !isStable(frontend),
  );
  if (refused !== undefined) throw notAllowed(refused, allowed);
  const used = given.find(({ name }) => name === syntaxArgument)?.frontend ?? syntax;
  return used !== undefined && isAllowed(used);
}

const syntaxArgument = 'BUILDKIT_SYNTAX';

function notAllowed(frontend: string, allowed: readonly string[]): SlipwayError {
  const others = allowed.length === 0 ? '' : `, or one of ALLOWED_FRONTENDS: ${allowed.join(', ')}`;
  return new SlipwayError(
    'frontend_not_allowed',
    `This builder does not load the frontend ${JSON.stringify(frontend.slice(0, 200))}. Name docker/dockerfile:1${others}.`,
  );
}

/**
 * Returns true for Docker's stable frontend, version 1: no tag, `latest`, `1`, `1.N`, `1.N.M`, or a digest alone. The other
 * channels (`labs`, `master` and so on) have tags of other forms.
 */
function isStable(text: string): boolean {
  const reference = parseImageReference(text);
  if (!reference) return false;
  const { domain, path, tag = 'latest' } = reference;
  return isHub(domain) && path === 'docker/dockerfile' && /^(?:latest|1(?:\.\d+){0,2})$/.test(tag);
}

const isHub = (domain: string) => domain === '' || domain === 'docker.io' || domain === 'index.docker.io';

/** `docker/dockerfile:1` and `docker.io/docker/dockerfile:1` are the same image. What is no reference stays as it is. */
function normalReference(text: string): string {
  const reference = parseImageReference(text);
  if (!reference) return text;
  const { domain, path, tag, digest } = reference;
  const ofHub = isHub(domain);
  const host = ofHub ? 'docker.io' : domain;
  const repository = ofHub && !path.includes('/') ? `library/${path}` : path;
  const version = digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`;
  return `${host}/${repository}${version}`;
}
