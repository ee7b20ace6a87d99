import type { BaseWatch } from '@slipway/control-plane/functions';
import { SlipwayError } from '@slipway/shared/errors';
import { clientNetwork } from '@slipway/shared/http';
import { Counter, type Registry } from '@slipway/shared/metrics';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { closedSignal } from '../http/connection.js';
import { parseJsonBytes, readJsonBytes } from '../http/json-body.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { FailedTokens } from '../limits/failed-tokens.js';
import { pushedImages } from './senders.js';
import { eventToken, isRegistryToken, type RegistryEventsConfig } from './tokens.js';

interface RegistryEventsOptions {
  readonly config: RegistryEventsConfig;
  readonly watch: Pick<BaseWatch, 'mark'>;
  readonly registry: Registry;
}

/** Limit of a body. Registries send some kilobytes, and distribution several events at once. */
const maxBytes = 256 * 1024;
const bounds = { maxDepth: 20, maxTokens: 20_000, maxItems: 1_000 };
const types = [
  'application/json',
  'application/cloudevents+json',
  'application/vnd.docker.distribution.events.v1+json',
  'application/vnd.docker.distribution.events.v2+json',
];
/** Milliseconds for which an image counts as unused after a look. A storm of pushes of such images then costs Redis nothing. */
const unusedMs = 10_000;

const receivedSchema = z
  .object({
    pushed: z.int().describe('Images with a tag in the event, each once'),
    in_use: z.int().describe('Those among them that are base images in use. Each is checked soon'),
  })
  .meta({ id: 'RegistryEventReceived' });

/** Receives push events. An event makes checks due, and nothing else: anybody who knows the token could send one. */
export class RegistryEvents {
  readonly #options: RegistryEventsOptions;
  readonly #failedTokens = new FailedTokens();
  /** The looks in progress, and the looks that found no use. */
  readonly #looks = new LRUCache<string, Promise<boolean>>({ max: 20_000, ttl: unusedMs });
  readonly #pushes: Counter<'in_use'>;

  constructor(options: RegistryEventsOptions) {
    this.#options = options;
    this.#pushes = new Counter({
      name: 'slipway_registry_pushes_total',
      help: 'Images in push events of registries, by whether functions use them as base images',
      labelNames: ['in_use'],
      registers: [options.registry],
    });
    for (const in_use of ['true', 'false']) this.#pushes.inc({ in_use }, 0);
  }

  /** Throws `not_found` if no events are taken, `unauthorized` or `too_many_failures` for a wrong token. */
  async checkToken(token: string | undefined, client: { network: () => string; signal: () => AbortSignal }) {
    const { registryEventsTokens: tokens } = this.#options.config;
    if (tokens.length === 0)
      throw new SlipwayError(
        'not_found',
        'No events of registries are taken: REGISTRY_EVENTS_TOKENS is not set.',
      );
    const isKnown = token !== undefined && isRegistryToken(tokens, token);
    await this.#failedTokens.check({ ...client, lookUp: async () => isKnown || undefined });
  }

  async receive(body: unknown): Promise<z.output<typeof receivedSchema>> {
    const pushed = pushedImages(body);
    let inUse = 0;
    for (const image of pushed) if (await this.#isUsed(image)) inUse++;
    this.#pushes.inc({ in_use: 'true' }, inUse);
    this.#pushes.inc({ in_use: 'false' }, pushed.length - inUse);
    return { pushed: pushed.length, in_use: inUse };
  }

  /** Makes the check of an image due if it is in use. */
  #isUsed(image: string): Promise<boolean> {
    const before = this.#looks.get(image);
    if (before) return before;
    const look = this.#options.watch.mark([image]).then((used) => {
      if (used > 0) this.#looks.delete(image);
      return used > 0;
    });
    this.#looks.set(image, look);
    look.catch(() => this.#looks.delete(image));
    return look;
  }
}

export function registryEventsEndpoint({
  registryEvents,
}: {
  readonly registryEvents: RegistryEvents;
}): Endpoint {
  return endpoint(
    {
      id: 'receiveRegistryEvent',
      method: 'post',
      path: '/v1/registry-events/{token}',
      scope: 'none',
      tag: 'Functions',
      summary: 'Take a push event of a registry',
      description:
        'For webhooks of Docker Hub, GitHub Packages, Harbor and Azure Container Registry, and notifications of distribution. Base images in the event are checked at their registry soon; nothing is built by the event itself. Other events are taken and have no effect.',
      params: z.object({ token: z.string().describe('A token of `REGISTRY_EVENTS_TOKENS`') }),
      stream: { types, description: 'The event, as the registry sends it: JSON of at most 256 KiB' },
      answers: {
        202: { description: 'Taken', content: { 'application/json': receivedSchema } },
      },
      errors: [
        'unauthorized',
        'too_many_failures',
        'not_found',
        'json_invalid',
        'json_too_complex',
        'draining',
      ],
    },
    async ({ req, res }) => {
      await registryEvents.checkToken(eventToken(res), {
        network: () => clientNetwork(req),
        signal: () => closedSignal(res),
      });
      const bytes = await readJsonBytes({ body: req, maxBytes, bounds });
      // A registry may send thousands of events a minute, and none changes anything.
      res.locals.unaudited = true;
      res.status(202).json(await registryEvents.receive(bytes && parseJsonBytes(bytes)));
    },
  );
}
