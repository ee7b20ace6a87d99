import { hostname } from 'node:os';
import { ApiError, type Client, type WebhookWithSecret } from '@slipway/client';
import type { WebhookEventType } from '@slipway/shared/contracts';
import { identify } from '../installation/process-identity.js';
import type { Screen } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';
import { allWebhooks } from './endpoints.js';

/** Identifies an endpoint of `listen`: the machine, followed by the process id. */
const description = `slipway webhooks listen on ${hostname()}, process `;

interface CreateTemporary {
  readonly client: Client;
  readonly url: string;
  readonly events: readonly WebhookEventType[] | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly secret: string | undefined;
}

/** Creates an endpoint that exists while this process runs. */
export async function createTemporary(options: CreateTemporary): Promise<WebhookWithSecret> {
  const { client, url, events, labels, secret } = options;
  try {
    return await client.createWebhook({
      webhook: {
        ...{ url, description: `${description}${process.pid}` },
        ...(events && { events: [...events] }),
        ...(labels && { labels }),
        ...(secret !== undefined && { secret }),
      },
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'egress_denied') throw error;
    const { code, status, detail, errors, retryAfter } = error;
    throw new ApiError({ code, status, detail, errors, retryAfter, remedy: egressRemedy });
  }
}

const egressRemedy =
  'If the API and its workers run on this machine, start them with EGRESS_ALLOW=127.0.0.0/8 (`slipway up` does so). ' +
  'If not, name with --url a public address that leads here, such as that of a tunnel to --port.';

/** Removes endpoints of killed processes on this machine. */
export async function removeLeftovers(client: Client): Promise<void> {
  for (const webhook of await allWebhooks(client)) {
    if (!webhook.description.startsWith(description)) continue;
    const pid = Number(webhook.description.slice(description.length));
    if (!Number.isSafeInteger(pid) || (await identify(pid))) continue;
    await client.deleteWebhook({ id: webhook.id }).catch(unlessGone);
  }
}

interface RemoveTemporary {
  readonly client: Client;
  readonly id: string;
  readonly screen: Screen;
}

/** Removes the endpoint. If that fails, prints how to remove it. */
export async function removeTemporary({ client, id, screen }: RemoveTemporary): Promise<boolean> {
  try {
    await client.deleteWebhook({ id }).catch(unlessGone);
    return true;
  } catch (error) {
    screen.line(
      `${screen.style('red', 'error:')} ${id} could not be removed: ${shown((error as Error).message)}`,
    );
    screen.line(`  ${screen.style('dim', 'What to do:')} slipway webhooks delete ${id}`);
    return false;
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ApiError) || error.code !== 'not_found') throw error;
}
