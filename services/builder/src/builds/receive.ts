import { readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { DiskFloor } from '@slipway/shared/blobs';
import type { Secret } from '@slipway/shared/config';
import {
  type BuildConfig,
  parseBuildConfig,
  type UnverifiedPayloads,
} from '@slipway/shared/function-builder';
import type { Tracing } from '@slipway/shared/tracing';
import { findDockerfile, folderContext } from '@slipway/source';
import { mustLoadFrontend } from '../frontend/allowlist.js';
import { unpackPayload } from '../unpack/unpack.js';
import { writeVerified } from './verified-payload.js';

export interface ReceiveLimits {
  readonly maxSourceBytes: number;
  readonly maxSourceFiles: number;
}

/** Where payloads may take room. */
export interface Intake {
  readonly unverified: UnverifiedPayloads;
  readonly floor: Pick<DiskFloor, 'check'>;
}

interface ReceiveOptions extends Intake {
  /** Where the request comes from; see `clientNetwork`. */
  readonly network: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  readonly request: IncomingMessage;
  /** The value of X-Build-Signature. */
  readonly signature: string | undefined;
  /** Undefined where signatures are not checked. */
  readonly secrets: readonly Secret[] | undefined;
  readonly limits: ReceiveLimits;
  /** An empty folder. The caller removes it. */
  readonly folder: string;
  readonly onBytes: (bytes: number) => void;
  /** The time that files are given, in seconds since 1970. */
  readonly modified: number;
  readonly tracing: Tracing;
}

/** A payload that has been received, verified and unpacked. */
export interface ReceivedBuild {
  readonly config: BuildConfig;
  readonly contextDir: string;
  /** The file that the build reads as its Dockerfile. */
  readonly dockerfile: string;
  /** `com.openfaas.secrets`, not opened. */
  readonly sealed: Buffer | undefined;
  /** Bytes of the payload as received. */
  readonly bytes: number;
  /** Entries of the context, folders included. */
  readonly files: number;
}

/** Receives a payload. Nothing of it is looked at before its signature has been found right. Rejects with a coded error. */
export async function receiveBuild(options: ReceiveOptions): Promise<ReceivedBuild> {
  const { limits, folder, modified, tracing } = options;
  const file = join(folder, 'payload.tar');
  const contextDir = join(folder, 'context');
  const bytes = await tracing.span({ name: 'receive payload' }, () =>
    writeVerified({ ...options, file, maxBytes: limits.maxSourceBytes }),
  );
  const unpacked = await tracing.span({ name: 'unpack' }, () =>
    unpackPayload({
      file,
      dir: contextDir,
      modified,
      limits: { maxBytes: limits.maxSourceBytes, maxFiles: limits.maxSourceFiles },
    }),
  );
  // The build may need the room.
  await rm(file);
  const { secrets: sealed, files } = unpacked;
  const config = parseBuildConfig(unpacked.config);
  const found = await findDockerfile(folderContext(contextDir), config.options.dockerfile);
  const dockerfile = join(contextDir, found);
  return { config, contextDir, dockerfile, sealed, bytes, files };
}

/** Returns whether the build must load a frontend image. Throws `frontend_not_allowed` when that image is not allowlisted. */
export async function mustLoadFrontendFor(
  build: ReceivedBuild,
  allowed: readonly string[],
): Promise<boolean> {
  const dockerfile = await readFile(build.dockerfile);
  return mustLoadFrontend({ dockerfile, buildArgs: build.config.buildArgs, allowed });
}
