import type { ErrorCode } from '../../errors/index.js';

/** The requests of a push that a registry can refuse: blob lookup, start of an upload, its bytes, manifest lookup, manifest. */
export type PushStep = 'find-blob' | 'begin-upload' | 'upload' | 'find-manifest' | 'put-manifest';

/** A refusal of a real registry, or of a proxy in front of one. */
export interface RegistryAnswer {
  /** The registry and the case. */
  readonly from: string;
  readonly at: readonly PushStep[];
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly code: ErrorCode;
}

const json = { 'Content-Type': 'application/json; charset=utf-8' };
const html = { 'Content-Type': 'text/html' };
const errors = (code: string, message: string) => JSON.stringify({ errors: [{ code, message }] });
const nginx = (title: string) =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n`;

interface Said {
  readonly at?: readonly PushStep[];
  readonly headers?: Readonly<Record<string, string>>;
}
const said = (
  from: string,
  code: ErrorCode,
  status: number,
  body: string,
  { at = ['begin-upload'], headers = json }: Said = {},
): RegistryAnswer => ({ from, at, status, headers, body, code });
const manifest = { at: ['put-manifest'] } as const;
const page = { headers: html };

/** Refusals in the registries' own words, with names shortened. */
export const registryAnswers: readonly RegistryAnswer[] = [
  // A missing repository, project or namespace.
  said(
    'ECR, no repository',
    'push_repository_missing',
    404,
    errors(
      'NAME_UNKNOWN',
      "The repository with name 'x' does not exist in the registry with id '123456789012'",
    ),
  ),
  said(
    'Artifact Registry, no repository',
    'push_repository_missing',
    404,
    errors('NAME_UNKNOWN', 'Repository "fns" not found'),
  ),
  said('Harbor, no project', 'push_repository_missing', 404, errors('NOT_FOUND', 'project fns not found')),
  said(
    'Harbor, no project, to a robot',
    'push_repository_missing',
    401,
    errors('UNAUTHORIZED', 'project fns not found: project fns not found'),
  ),
  said(
    'Quay, no repository',
    'push_repository_missing',
    404,
    errors('NAME_UNKNOWN', 'repository name not known to registry'),
  ),
  said(
    'Artifactory, no repository',
    'push_repository_missing',
    404,
    errors('NAME_UNKNOWN', "Repository 'fns' not found"),
  ),
  said('nginx, no such path', 'push_repository_missing', 404, nginx('404 Not Found'), page),

  // An immutable tag.
  said(
    'ECR, immutable tag',
    'push_tag_immutable',
    400,
    errors(
      'TAG_INVALID',
      "The image tag '1' already exists in the 'x' repository and cannot be overwritten because the tag is immutable.",
    ),
    manifest,
  ),
  said(
    'Harbor, immutable tag',
    'push_tag_immutable',
    412,
    errors('PRECONDITION', "Failed to process request due to 'x:1' configured as immutable."),
    manifest,
  ),
  said(
    'Artifact Registry, immutable tag',
    'push_tag_immutable',
    400,
    errors('MANIFEST_INVALID', 'cannot update tag 1. The repository has enabled tag immutability'),
    manifest,
  ),
  said(
    'Nexus, no redeploy',
    'push_tag_immutable',
    400,
    errors('UNKNOWN', 'repository does not allow updating assets: fns'),
    manifest,
  ),
  said(
    'Artifactory, no permission to overwrite',
    'push_tag_immutable',
    403,
    errors(
      'DENIED',
      "Not enough permissions to delete/overwrite artifact 'x/1' (user 'ci' needs DELETE permission).",
    ),
    manifest,
  ),
  said('a proxy, 412 without a word', 'push_tag_immutable', 412, nginx('412 Precondition Failed'), {
    ...manifest,
    ...page,
  }),

  // An image that is too large.
  said('nginx, client_max_body_size', 'push_too_large', 413, nginx('413 Request Entity Too Large'), {
    at: ['upload'],
    ...page,
  }),
  said('Cloudflare', 'push_too_large', 413, '413 Payload Too Large', {
    at: ['begin-upload'],
    headers: { 'Content-Type': 'text/plain' },
  }),
  said(
    'ECR, a layer over the limit',
    'push_too_large',
    400,
    errors('SIZE_INVALID', 'The layer is too large'),
    {
      at: ['upload'],
    },
  ),

  // A quota.
  said(
    'Harbor, quota of the project',
    'push_quota_exceeded',
    403,
    errors(
      'DENIED',
      'adding 29.0 MiB of storage resource, which when updated to current usage of 152.4 MiB will exceed the configured upper limit of 10.0 MiB.',
    ),
    { at: ['upload', 'put-manifest'] },
  ),
  said(
    'Quay, quota of the namespace',
    'push_quota_exceeded',
    403,
    errors('DENIED', 'Quota has been exceeded on namespace'),
  ),
  said(
    'Artifactory, no room',
    'push_quota_exceeded',
    413,
    JSON.stringify({
      errors: [
        { status: 413, message: 'Datastore disk usage is too high. Contact your Artifactory administrator' },
      ],
    }),
  ),
  said(
    'ECR, images of the repository',
    'push_quota_exceeded',
    403,
    errors(
      'DENIED',
      "The repository with name 'x' already has the maximum allowed number of images which is '10000'. Quota exceeded",
    ),
    manifest,
  ),

  // Content that the registry refuses.
  said(
    'a registry, bad manifest',
    'push_rejected',
    400,
    errors('MANIFEST_INVALID', 'manifest invalid'),
    manifest,
  ),
  said(
    'Artifact Registry, no repository in the name',
    'push_rejected',
    400,
    errors(
      'NAME_INVALID',
      'Missing image name. Pushes should be of the form docker push HOST-NAME/PROJECT-ID/REPOSITORY/IMAGE',
    ),
  ),
  said(
    'ACR, locked repository',
    'push_rejected',
    405,
    errors('UNSUPPORTED', 'The operation is disallowed on this registry, repository or image.'),
    manifest,
  ),
  said(
    'Quay, read-only',
    'push_rejected',
    405,
    errors(
      'DENIED',
      'System is currently read-only. Pulls will succeed but all write operations are currently suspended.',
    ),
  ),
  said('nginx, method', 'push_rejected', 405, nginx('405 Not Allowed'), page),
  said(
    'a registry, unsupported media type',
    'push_rejected',
    415,
    errors('UNSUPPORTED', 'The operation is unsupported.'),
    manifest,
  ),
  said('a sign-in page', 'push_rejected', 200, '<html><title>Sign in</title></html>', page),
  said('a sign-in page for all', 'push_rejected', 200, '<html><title>Sign in</title></html>', {
    at: ['find-blob', 'begin-upload', 'upload', 'find-manifest', 'put-manifest'],
    ...page,
  }),

  // Credentials.
  said(
    'GHCR, token without the scope',
    'push_unauthorized',
    403,
    errors('DENIED', 'permission_denied: write_package'),
  ),
  said(
    'GHCR, organization',
    'push_unauthorized',
    403,
    errors('DENIED', 'installation not allowed to Create organization package'),
  ),
  said(
    'Docker Hub, another account',
    'push_unauthorized',
    401,
    errors('UNAUTHORIZED', 'authentication required'),
    { headers: { ...json, 'WWW-Authenticate': 'Basic realm="hub"' } },
  ),
  said(
    'ECR, role',
    'push_unauthorized',
    403,
    errors(
      'DENIED',
      'User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ecr:InitiateLayerUpload on resource: x',
    ),
  ),
  said('GitLab', 'push_unauthorized', 403, errors('DENIED', 'requested access to the resource is denied')),
  // `{host}` is the registry itself. Its token server answers with the status in its path.
  ...[401, 403].map((status) =>
    said(
      `a token server, ${status}`,
      'push_unauthorized',
      401,
      errors('UNAUTHORIZED', 'authentication required'),
      {
        at: ['find-blob', 'begin-upload', 'find-manifest'],
        headers: {
          ...json,
          'WWW-Authenticate': `Bearer realm="http://{host}/token/${status}",service="r",scope="repository:x:push"`,
        },
      },
    ),
  ),
  said('nginx, 403', 'push_unauthorized', 403, nginx('403 Forbidden'), page),

  // Temporary refusals.
  said('Docker Hub, rate', 'push_rate_limited', 429, errors('TOOMANYREQUESTS', 'too many requests'), {
    headers: { ...json, 'Retry-After': '0' },
  }),
  said('a proxy, 408', 'push_failed', 408, nginx('408 Request Time-out'), page),
  said('a proxy, 425', 'push_failed', 425, nginx('425 Too Early'), page),
  said('nginx, 502', 'push_failed', 502, nginx('502 Bad Gateway'), page),
  said('nginx, 503', 'push_failed', 503, nginx('503 Service Temporarily Unavailable'), page),
  said('nginx, 504', 'push_failed', 504, nginx('504 Gateway Time-out'), page),
  said('a registry, 500', 'push_failed', 500, errors('UNKNOWN', 'unknown error')),
  said('a registry, disk', 'push_failed', 507, nginx('507 Insufficient Storage'), page),
  said(
    'a registry, upload lost',
    'push_failed',
    404,
    errors('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry'),
    {
      at: ['upload'],
    },
  ),
  said(
    'a registry, blob lost',
    'push_failed',
    400,
    errors('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'),
    manifest,
  ),
];
