import { randomBytes } from 'node:crypto';
import type { JobRecord } from '@slipway/control-plane/jobs';
import type { Lease } from '@slipway/control-plane/replicas';
import {
  type BuilderFeature,
  buildOptionsOf,
  defaultTenantName,
  imageRepository,
  parseImageReference,
} from '@slipway/shared/contracts';
import type { SlipwayError } from '@slipway/shared/errors';
import type { BuildEnd } from '../builder-client/answer.js';
import { callBuilder } from '../builder-client/call.js';
import { type CallContext, type Connection, callReplica, isPlacedAgain, linesOf } from './call-replica.js';
import type { AttemptDeps } from './deps.js';
import { Interrupted } from './interruptions.js';
import type { Keepers } from './keepers.js';
import type { Prepared } from './prepare.js';

interface BuildContext extends CallContext {
  readonly token: string;
  readonly prepared: Prepared & { readonly ready: true };
  /** The slot that the attempt began with. `build` frees it. */
  readonly lease: Lease;
  readonly keepers: Keepers;
}

/** Replicas that one attempt calls at most. */
const maxCalls = 6;
/** Milliseconds to wait for another replica after one refused. */
const failoverWaitMs = 100;

/** Returns the repository of the image. The placement prefers replicas that may have its layers. */
export function repositoryOf({ spec }: JobRecord): string {
  const reference = parseImageReference(spec.image);
  return reference ? imageRepository(reference) : spec.image;
}

/** Returns true if the source is not trusted with a builder's machine. The tenant `default` is the operator's own. */
export const needsIsolation = ({ tenant }: JobRecord) => tenant !== defaultTenantName;

/** Returns the feature that a replica must report to get the job. Other replicas ignore unknown fields and would build something else. */
export const needsFeature = ({ spec }: JobRecord): BuilderFeature | undefined =>
  Object.keys(buildOptionsOf(spec)).length > 0 ? 'build-options' : undefined;

/** Returns a new token for the holder of a build. Each holder has its own, which begins with the id of the build. */
export const newToken = (buildId: string) => `${buildId}.${randomBytes(8).toString('hex')}`;
const buildOfToken = (token: string) => token.split('.', 1)[0] ?? '';

/** Returns an id per job and build, so that a later attempt never renews or frees the slot of an earlier one. */
export const leaseId = (jobId: string, buildId: string) => `${jobId}:${buildId}`;
export const jobOfLease = (id: string) => id.split(':', 1)[0] ?? '';

/** Returns the milliseconds that one attempt of the job may take. */
export const timeoutMsOf = ({ spec }: JobRecord, { buildTimeoutMs }: Pick<AttemptDeps, 'buildTimeoutMs'>) =>
  spec.timeout === undefined ? buildTimeoutMs : spec.timeout * 1_000;

/** Calls one replica after the other until one builds, within the time of one attempt. */
export async function build(context: BuildContext, deps: AttemptDeps): Promise<BuildEnd> {
  const { record, token, hold, summary, keepers } = context;
  const { placement, metrics } = deps;
  const timeoutMs = timeoutMsOf(record, deps);
  const deadline = AbortSignal.timeout(timeoutMs);
  const tried = new Set<string>();
  const id = buildOfToken(token);
  let lease: Lease | undefined = context.lease;
  let buildId = record.build;
  let mayKeep = true;
  for (;;) {
    tried.add(lease.url);
    if (mayKeep && buildId === undefined)
      buildId = await learnKeeper({ record, token, lease, keepers }, deps);
    if (buildId !== undefined) placement.keep(lease);
    const lines = linesOf(context, 0);
    const call = { ...context, lease, buildId, lines, deadline, timeoutMs };
    let refusal: SlipwayError;
    try {
      return await callReplica({ ...call, connect: (connection) => post(call, connection, deps) }, deps);
    } catch (error) {
      // A worker that drains places no build: another worker has more time for it.
      if (!isPlacedAgain(error) || tried.size >= maxCalls || deps.stopping.aborted) throw error;
      refusal = error;
    }
    metrics.replaced.inc({ code: refusal.code });
    summary.replaced++;
    const wanted = {
      id: leaseId(record.id, id),
      tenant: record.tenant,
      priorityClass: record.spec.priority,
      pool: record.pool,
      repository: repositoryOf(record),
      suspect: record.lost > 0,
      priority: record.priority,
      needsIsolation: needsIsolation(record),
      needsFeature: needsFeature(record),
      home: undefined,
      except: tried,
    };
    lease = await placement.acquire(wanted, failoverWaitMs, AbortSignal.any([hold.signal, deadline]));
    if (!lease) throw hold.signal.aborted ? hold.signal.reason : refusal;
    // The lines of a build that follow others have other numbers in the log, so no other worker could continue it.
    mayKeep &&= lines.next === 0;
    buildId = await place({ record, token, lease }, mayKeep ? id : undefined, deps);
  }
}

type Placed = Pick<BuildContext, 'record' | 'token' | 'lease'>;
type Unknown = Placed & Pick<BuildContext, 'keepers'>;

/** Records the replica of an attempt. Returns the id of the build if the replica keeps it. Throws `Interrupted`, and frees the slot, if another worker has the job. */
async function place(
  { record, token, lease }: Placed,
  build: string | undefined,
  { store, placement }: AttemptDeps,
): Promise<string | undefined> {
  const placed = await store.place(record.id, token, { replica: lease.url, build });
  if (placed === 'kept') return build;
  if (placed === 'placed') return undefined;
  placement.free(lease, 'none');
  throw new Interrupted('stale');
}

/**
 * Asks a replica whether it keeps builds, if that was unknown when the attempt was placed: the replica is new, or did not answer for a while. Returns the
 * id of the build if the replica keeps it. Throws `Interrupted` if another worker has the job.
 */
async function learnKeeper(placed: Unknown, deps: AttemptDeps): Promise<string | undefined> {
  if (!(await placed.keepers.keepsBuilds(placed.lease.url))) return undefined;
  return await place(placed, buildOfToken(placed.token), deps);
}

interface PostContext extends BuildContext {
  readonly buildId: string | undefined;
  readonly timeoutMs: number;
}

async function post(call: PostContext, connection: Connection, deps: AttemptDeps): Promise<BuildEnd> {
  const { record, lease, prepared, buildId, timeoutMs } = call;
  const { payload, signature } = prepared;
  deps.metrics.assembledBytes.inc(payload.length);
  const { payloadSecret, now } = deps;
  return await callBuilder({
    ...connection,
    ...{ url: lease.url, image: record.spec.image, payload, signature, timeoutMs },
    needsIsolation: needsIsolation(record),
    needsFeature: needsFeature(record),
    kept: buildId === undefined ? undefined : { buildId, payloadSecret, now },
    dispatcher: deps.dispatcher,
    tracing: deps.tracing,
  });
}
