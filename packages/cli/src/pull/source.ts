import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withoutCredentials } from '@slipway/source';

/** A repository that templates come from. */
export interface TemplateSource {
  /** The URL for git. */
  readonly href: string;
  /** The same without credentials, as it is shown and noted in `meta.json`. */
  readonly repository: string;
  /** A branch, a tag, or `sha-` with a commit; the default branch unless given. */
  readonly ref: string | undefined;
  /** What git may speak to reach it: an http URL never leads to less than http, nor an https URL to http. */
  readonly protocols: readonly string[];
}

interface ParseSource {
  /** `URL#ref`, as in `configuration.templates`. */
  readonly text: string;
  /** Where relative paths begin; undefined where a repository of this machine is refused. */
  readonly folder: string | undefined;
}

const overNetwork: Readonly<Record<string, readonly string[]>> = {
  https: ['https', 'ssh'],
  http: ['http', 'https', 'ssh'],
  ssh: ['ssh', 'https'],
};
/** `git@host:path`. A name that begins with `-` would be an option of ssh. */
const scpLike = /^[A-Za-z0-9_][\w.+-]*@[A-Za-z0-9_][\w.-]*:(?!\/\/)[^-\s]/;

/** Returns the repository that a source names, or what is wrong with the text. */
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

/** The lower-case scheme of a URL with a host. */
function schemeOf(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && url.host !== '' && !url.host.startsWith('-') ? url.protocol.slice(0, -1) : undefined;
}

/** Returns the repository in a folder of this machine, whose name may have a `#`, or undefined when there is none. */
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

/** The source as people write it. */
export const written = ({ repository, ref }: TemplateSource): string =>
  ref === undefined ? repository : `${repository}#${ref}`;
