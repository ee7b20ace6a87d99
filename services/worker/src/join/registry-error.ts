import { SlipwayError } from '@slipway/shared/errors';
import { codeOfPushRefusal } from '@slipway/shared/failures';

interface RegistryErrorOptions {
  readonly host: string;
  /** `read` is of the manifest of a part, which its builder has pushed just now. */
  readonly action: 'read' | 'push';
  readonly error: unknown;
}

/** Node's error codes for an untrusted certificate. */
const certificateFaults =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT\w*)|CERT_\w+|ERR_TLS_CERT_\w+)$/;

/** Returns the error of the table for an error of the registry's client, which reports the status of an answer and not its body. */
export function registryError({ host, action, error }: RegistryErrorOptions): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string };
  const cause = { cause: error };
  if (statusCode !== undefined) {
    // A registry may need a moment until it shows what was pushed to it.
    const isLate = action === 'read' && statusCode === 404;
    const refusal = { status: statusCode, method: action === 'push' ? 'PUT' : 'GET', text: '' };
    const detail = `The registry ${host} answered ${statusCode} to the worker${hint(statusCode, action)}.`;
    return new SlipwayError(isLate ? 'push_failed' : codeOfPushRefusal(refusal), detail, cause);
  }
  if (error instanceof SyntaxError || /is not valid JSON|invalid json/i.test(message ?? '')) {
    const detail = `The registry ${host} answered the worker with something other than a manifest, such as a web page.`;
    return new SlipwayError('push_rejected', detail, cause);
  }
  if (code === 'EPROTO' || /wrong version number|packet length too long/i.test(message ?? '')) {
    const detail = `The registry ${host} speaks plain http and is not in INSECURE_REGISTRIES of this worker.`;
    return new SlipwayError('registry_insecure', detail, cause);
  }
  if (certificateFaults.test(code ?? '')) {
    return new SlipwayError('registry_untrusted', `The worker does not trust ${host}: ${code}.`, cause);
  }
  return new SlipwayError('registry_unreachable', `${host}: ${code ?? message ?? 'no answer'}`, cause);
}

/** Causes of a status, since the worker does not see the words of the registry. */
function hint(status: number, action: RegistryErrorOptions['action']): string {
  if (action === 'read') return '';
  if (status === 403) return ': the credentials may not push, or a quota is used up';
  if (status === 400) return ': the tag may not be overwritten, or the registry takes no image index';
  return '';
}
