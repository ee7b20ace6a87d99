import type { ErrorCode } from '../errors/index.js';

/** A registry's refusal of a push, as far as known. */
export interface PushRefusal {
  /** The HTTP status. BuildKit does not print it if the registry sent a JSON error. */
  readonly status: number | undefined;
  /** GET, HEAD, POST, PUT or PATCH. */
  readonly method: string | undefined;
  /** The registry's text, without names that users choose. */
  readonly text: string;
}

interface Row {
  readonly code: ErrorCode;
  readonly text?: RegExp;
  readonly fits?: (refusal: PushRefusal & { readonly status: number }) => boolean;
}

/** The first matching row decides. Words count more than the status: a 403 may be a quota, and a 404 a lost upload. */
const rows: readonly Row[] = [
  // Temporary causes.
  {
    code: 'push_rate_limited',
    text: /toomanyrequests|too many requests|\b429\b/i,
    fits: ({ status }) => status === 429,
  },
  { code: 'push_failed', fits: ({ status }) => status === 408 || status === 425 || status >= 500 },
  { code: 'push_failed', text: /blob[ _]upload[ _](unknown|invalid)|blob[ _]unknown|digest[ _]invalid/i },
  // Causes that the user can fix.
  {
    code: 'push_quota_exceeded',
    text: /quota (has been |is |was )?exceeded|exceed\w* .{0,60}\bquota|over (the |its |your )?quota|exceed the configured upper limit|maximum allowed number of images|(disk|storage) usage is too high|storage (limit|quota) (reached|exceeded)/i,
  },
  {
    code: 'push_tag_immutable',
    text: /immutab|overw?rit(e|ten)\b|updating assets|tag[ _]invalid(?!.*did not match)|\btag\b.{0,200} already exists/i,
    fits: ({ status, method }) => status === 412 && method !== 'HEAD',
  },
  {
    code: 'push_too_large',
    text: /(entity|payload|content|request body|layer|blob|image|manifest)( is| was)? too (large|big)|size[ _]invalid/i,
    fits: ({ status }) => status === 413,
  },
  { code: 'push_unauthorized', text: /may require authorization|insufficient_scope/i },
  {
    code: 'push_repository_missing',
    text: /name[ _](unknown|not[ _]known)|\b(repository|project|namespace|organization)\b.{0,300}(does not exist|doesn't exist|not found|not exist)|no such (repository|project)/i,
  },
  { code: 'push_rejected', text: /read-?only/i },
  {
    code: 'push_unauthorized',
    text: /(^|: |\n)(unauthorized|denied|authentication required|authorization failed)|access denied|access to the resource is denied|not authorized|no basic auth credentials/i,
    fits: ({ status }) => status === 401 || status === 403,
  },
  { code: 'push_repository_missing', fits: ({ status }) => status === 404 },
  {
    code: 'push_rejected',
    text: /manifest[ _](invalid|unverified)|(^|: |\n)unsupported\b|name[ _]invalid|missing image name|did not match|no Host in request URL|invalid character '<'/i,
    fits: ({ status }) => status >= 200 && status < 500,
  },
];

/** Returns the code of a refused push. An unknown reason is `push_failed`, which Slipway retries. */
export function codeOfPushRefusal(refusal: PushRefusal): ErrorCode {
  const { status, text } = refusal;
  const found = rows.find(
    (row) => row.text?.test(text) || (status !== undefined && row.fits?.({ ...refusal, status })),
  );
  return found?.code ?? 'push_failed';
}
