import type { ErrorCode } from '@slipway/shared/errors';
import { type JobRecord, type RegistrySign, registryOfImage } from '@slipway/shared/jobs';

interface Failure {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** What messages of engines say about the image whose registry failed. */
const failingImage = [
  /failed to push ([^\s:]+(?::\d+)?\/\S+?)(?=: |$)/,
  /to "docker:\/\/([^"]+)"/,
  /failed to resolve source metadata for (\S+?)(?=: )/,
  /initializing source docker:\/\/(\S+?)(?=: )/,
] as const;

/** Returns what a failure says about the registry that the job pushes to; undefined when it is about something else. */
export function registrySign(
  { code, detail }: Failure,
  { spec, parts }: Pick<JobRecord, 'spec' | 'parts'>,
): RegistrySign | undefined {
  switch (code) {
    case 'push_failed':
    case 'push_rate_limited':
      return 'fault';
    case 'registry_unreachable': {
      // Joining parts speaks with this registry alone.
      if (parts !== undefined) return 'fault';
      const image = failingImage.map((pattern) => pattern.exec(detail)?.[1]).find((found) => found);
      // A base image may be of another registry.
      return image && registryOfImage(image) === registryOfImage(spec.image) ? 'fault' : undefined;
    }
    case 'push_unauthorized':
    case 'push_repository_missing':
    case 'push_tag_immutable':
    case 'push_too_large':
    case 'push_quota_exceeded':
      return 'answered';
    default:
      return undefined;
  }
}
