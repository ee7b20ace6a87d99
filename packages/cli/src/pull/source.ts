import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withoutCredentials } from '@slipway/source';

/** A repository of templates. */
export interface TemplateSource {
  /** The URL for git. */
  readonly href: string;
  /** The URL without credentials, as it is shown and written to `meta.json`. */
  readonly repository: string;
  /** A branch, a tag, or `sha-` with a commit; undefined for the default branch. */
  readonly ref: string | undefined;
  /** Protocols that git may use. Redirects never downgrade https to http, nor http to anything else. */
  readonly protocols: readonly string[];
}

interface ParseSource {
  /** `URL#ref`, as in `configuration.templates`. */
  readonly text: string;
  /** Base of relative paths; undefined when a repository on this machine is not allowed. */
  readonly folder: string | undefined;
}

const overNetwork: Readonly<Record<string, readonly string[]>> = {
  https: ['https', 'ssh'],
  http: ['http', 'https', 'ssh'],
  ssh: ['ssh', 'https'],
};
/** Matches `git@host:path`. A host that begins with `-` would be an option of ssh. */
const scpLike = /^[A-Za-z0-9_][\w.+-]*@[A-Za-z0-9_][\w.-]*:(?!\/\/)[^-\s]/;

/** Returns the repository that a source names, or the problem with the text. */
export function parseSource({ text, folder }: ParseSource): TemplateSource | string {
  const at = text.indexOf('#');
  const [base, ref] = at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  const local = folder === undefined ? undefined : localSource(text, folder);
  if (local) return local;
  if (ref === '') return 'has nothing after its #';
  if (ref?.startsWith('sha-') && !/^sha-[0-9a-f]{7,40}$/i.test(ref)) {
    return 'names a commit, and sha- must be followed by 7 to 40 hexadecimal digits';
  }
  if (/[\p{Cc}\s]/u.test(base)) return 'has spaces in its URL';
  const scheme = scpLike.test(base) ? 'ssh' : schemeOf(base);
  const protocols = scheme === undefined ? undefined : overNetwork[scheme];
  if (!protocols) return 'does not begin with https://, http:// or ssh://, and is not like git@host:path';
  return { href: base, repository: withoutCredentials(base), ref, protocols };
}

/** Returns the lower-case scheme of a URL with a host. */
function schemeOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && url.host !== '' && !url.host.startsWith('-') ? url.protocol.slice(0, -1) : undefined;
}

/** Returns the repository in a folder of this machine, or undefined. The name of the folder may contain `#`. */
function localSource(text: string, folder: string): TemplateSource | undefined {
  const cut = text.lastIndexOf('#');
  const readings: (readonly [string, string | undefined])[] = [[text, undefined]];
  if (cut > 0) readings.push([text.slice(0, cut), text.slice(cut + 1)]);
  for (const [path, ref] of readings) {
    const full =
      path.startsWith('file://') && URL.canParse(path) ? new URL(path).pathname : resolve(folder, path);
    if (path === '' || !existsSync(full)) continue;
    return { href: pathToFileURL(full).href, repository: path, ref, protocols: ['file'] };
  }
  return undefined;
}

/** Formats the source as users write it. */
export const written = ({ repository, ref }: TemplateSource): string =>
  ref === undefined ? repository : `${repository}#${ref}`;
