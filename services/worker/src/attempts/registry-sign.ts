import { type JobRecord, type RegistrySign, registryOfImage } from '@slipway/control-plane/jobs';
import type { ErrorCode } from '@slipway/shared/errors';

interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Patterns of engine messages that name the image whose registry failed. */
const failingImage = [
  /failed to push ([^\s:]+(?::\d+)?\/\S+?)(?=: |$)/,
  /to "docker:\/\/([^"]+)"/,
  /failed to resolve source metadata for (\S+?)(?=: )/,
  /initializing source docker:\/\/(\S+?)(?=: )/,
] as const;

/** Pattern of join messages that name the registry that failed. */
const failingHost = /^(?:The registry (\S+) answered|(\S+): )/;

/** Returns what a failure shows about a registry that the job pushes to; undefined when it concerns none, or does not name it. */
export function registrySign(
  { code, detail }: Failure,
  { spec, parts }: Pick<JobRecord, 'spec' | 'parts'>,
): RegistrySign | undefined {
  const hosts = new Set([spec.image, ...(spec.tags ?? [])].map(registryOfImage));
  const named = parts === undefined ? imageIn(detail) : hostIn(detail);
  const [only] = hosts.size === 1 ? hosts : [];
  const host = named !== undefined && hosts.has(named) ? named : only;
  switch (code) {
    case 'push_failed':
    case 'push_rate_limited':
      return host === undefined ? undefined : { outcome: 'fault', host };
    case 'registry_unreachable': {
      // A base image may come from another registry. Joining parts calls only the registries of the job.
      const isOwn = parts !== undefined || (named !== undefined && hosts.has(named));
      return isOwn && host !== undefined ? { outcome: 'fault', host } : undefined;
    }
    case 'push_unauthorized':
    case 'push_repository_missing':
    case 'push_tag_immutable':
    case 'push_too_large':
    case 'push_quota_exceeded':
      return host === undefined ? undefined : { outcome: 'answered', host };
    default:
      return undefined;
  }
}

function imageIn(detail: string): string | undefined {
  const image = failingImage.map((pattern) => pattern.exec(detail)?.[1]).find((found) => found);
  return image && registryOfImage(image);
}

function hostIn(detail: string): string | undefined {
  const found = failingHost.exec(detail);
  const host = found?.[1] ?? found?.[2];
  return host && registryOfImage(`${host}/`);
}
