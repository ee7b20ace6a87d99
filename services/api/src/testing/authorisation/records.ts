import { randomBytes, randomUUID } from 'node:crypto';
import { CampaignStore } from '@slipway/control-plane/campaigns';
import { ReplicaRegistry, replicaId } from '@slipway/control-plane/replicas';
import { DeliveryStore } from '@slipway/control-plane/webhooks';
import { redisKeys } from '@slipway/shared/redis';
import type { FleetOfOne } from '../fleet-of-one.js';

/** Kinds of records that ids belong to. */
export type Kind =
  | 'source'
  | 'job'
  | 'endedJob'
  | 'batch'
  | 'endedBatch'
  | 'campaign'
  | 'pausedCampaign'
  | 'endedCampaign'
  | 'function'
  | 'template'
  | 'webhook'
  | 'delivery'
  | 'token'
  | 'payloadSecret'
  | 'tenant'
  | 'replica';
export type Ids = Readonly<Record<Kind, string>>;

interface MakeOptions {
  readonly fleet: FleetOfOne;
  readonly tenant: string;
  /** The token of the tenant, with every scope. */
  readonly token: string;
  /** The installation token. */
  readonly admin: string;
}

/** The namespace of new functions. */
export const namespace = 'team';
const templateFiles = { Dockerfile: 'FROM scratch\n', 'template.yml': 'language: node\n' };
const replica = 'http://127.0.0.1:1';

/** Creates new records of a tenant, one of each kind. */
export async function makeRecords({ fleet, tenant, token, admin }: MakeOptions): Promise<Ids> {
  const keys = redisKeys(fleet.api.prefix);
  const unique = randomBytes(8).toString('hex');
  const made = async (method: string, path: string, body: unknown, by = token) => {
    const answer = await fleet.say(method, path, body, by);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const source = await fleet.upload({ Dockerfile: `FROM scratch\nLABEL of=${unique}\n` }, token);
  const spec = () => ({ image: `r.example/${tenant}/${randomUUID()}:1`, source: { digest: source } });
  const batch = async () => (await made('POST', '/v1/batches', { items: [spec(), spec()] })).id as string;
  const fn = `fn-${unique}`;
  const labels = { owner: tenant };
  const job = await fleet.submit({ ...spec(), function: `${namespace}/${fn}`, labels }, token);
  const endedJob = await fleet.submit(spec(), token);
  await fleet.fail(endedJob.id);
  const endedBatch = await batch();
  for (const each of (await made('GET', `/v1/batches/${endedBatch}/jobs`, undefined)).jobs) {
    await fleet.fail(each.id);
  }
  await made('PUT', `/v1/functions/${namespace}/c-${unique}`, spec());
  // The limit of campaigns that run at once is low.
  await fleet.redis.del(keys.openCampaignsOf(tenant));
  const campaigns = new CampaignStore({ redis: fleet.redis, keys });
  const campaign = async () => {
    const select = { functions: [`${namespace}/c-${unique}`] };
    const { campaign: started } = await made('POST', '/v1/rebuilds', { select, waves: {} });
    return started.id as string;
  };
  const endedCampaign = await campaign();
  const rows = (await made('GET', `/v1/campaigns/${endedCampaign}/functions`, undefined)).functions;
  await fleet.fail(rows[0].job);
  await campaigns.recordResults(endedCampaign, { wave: 1, first: 0, results: [{ state: 'failed' }] });
  await campaigns.advance(endedCampaign, 1);
  const pausedCampaign = await campaign();
  await made('POST', `/v1/campaigns/${pausedCampaign}/pause`, undefined);
  const template = `t-${unique}`;
  await fleet.send('PUT', `/v1/templates/${template}`, templateFiles, token);
  const webhook = (await made('POST', '/v1/webhooks', { url: 'http://127.0.0.1:1/hook' })).id as string;
  const delivery = `dlv_${unique}${unique}`;
  await new DeliveryStore({ redis: fleet.redis, keys }).create([
    {
      id: delivery,
      messageId: `msg_${unique}${unique}`,
      tenant,
      lane: `endpoint:${webhook}`,
      endpointId: webhook,
      url: 'http://127.0.0.1:1/hook',
      type: 'job.succeeded',
      sequence: 1,
      format: { type: 'standard' },
      body: '{"type":"job.succeeded"}',
      job: job.id,
    },
  ]);
  const payloadSecrets = `/v1/tenants/${tenant}/payload-secrets`;
  // The limit of endpoints is low.
  const [known] = (await made('GET', payloadSecrets, undefined, admin)).payload_secrets;
  const ofToken = { tenant, description: 'CI', scopes: ['jobs:read'] };
  const replicas = new ReplicaRegistry({ redis: fleet.redis, keys });
  await replicas.announce([{ url: replica, max: 1, pool: 'default', platforms: [] }]);
  await replicas.setPublicKey(replica, {
    key_id: 'AAAAAAAA',
    algorithm: 'nacl/box',
    public_key: `${'A'.repeat(43)}=`,
  });
  return {
    ...{ source, job: job.id, endedJob: endedJob.id, batch: await batch(), endedBatch },
    ...{ campaign: await campaign(), pausedCampaign, endedCampaign },
    ...{ function: fn, template, webhook, delivery, tenant, replica: replicaId(replica) },
    token: (await made('POST', '/v1/tokens', ofToken)).id,
    payloadSecret: known?.id ?? (await made('POST', payloadSecrets, undefined, admin)).id,
  };
}

/** Ids in the same format of records that do not exist. */
export function absent(ids: Ids): Ids {
  const entries = Object.entries(ids).map(([kind, id]) => [kind, `${id.slice(0, -6)}${'0'.repeat(6)}`]);
  return Object.fromEntries(entries) as Ids;
}
