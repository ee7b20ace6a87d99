import type { SecretBytes } from '@slipway/shared/sealing';
import { GrpcError, grpcCodes } from '../protocol/grpc.js';
import { secretRequest, secretResponse } from '../protocol/messages.js';
import { type Handlers, unary } from './session.js';

/** Serves the secrets of a build to the steps that mount them. */
export function buildSecrets(secrets: ReadonlyMap<string, SecretBytes>): Handlers {
  return {
    '/moby.buildkit.secrets.v1.Secrets/GetSecret': unary({
      request: secretRequest,
      response: secretResponse,
      answer: ({ id }) => {
        const secret = secrets.get(id);
        if (!secret) throw new GrpcError({ code: grpcCodes.notFound, message: `secret ${id} not found` });
        return { data: secret.reveal() };
      },
    }),
  };
}
