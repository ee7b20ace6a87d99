import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/shared/errors';
import { Agent, type Dispatcher, request } from 'undici';
import type { KubernetesConfig } from './config.js';

interface KubernetesRequest {
  readonly method?: 'GET' | 'PATCH';
  /** Path and query. */
  readonly path: string;
  /** The permission that the request needs, for the message when it is refused. */
  readonly permission: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds without a byte of the answer after which the connection counts as dead. Default: 10,000. */
  readonly silenceMs?: number;
  readonly signal: AbortSignal;
}

/** The answer 410: the API server no longer has the requested version. */
export class GoneError extends Error {
  override readonly name = 'GoneError';
}

const connectTimeoutMs = 5_000;
const answerTimeoutMs = 10_000;
const maxMessageBytes = 4_096;

/**
 * Calls the API server with the service account of the pod. It reads token and certificate authority at each request: the kubelet replaces the
 * token every hour at most, and both files together when the authority changes.
 */
export class KubernetesClient {
  readonly #config: KubernetesConfig;
  #agent: { readonly authority: string; readonly dispatcher: Agent } | undefined;

  constructor({ config }: { readonly config: KubernetesConfig }) {
    this.#config = config;
  }

  /** Returns the namespace of the pod. Throws `kubernetes_unauthorized` without a service account. */
  async namespace(): Promise<string> {
    return (await this.#read('namespace')).trim();
  }

  /**
   * Returns the body of a successful answer. The caller must read or destroy it. Throws `GoneError`, or `kubernetes_forbidden`,
   * `kubernetes_unauthorized` or `kubernetes_unavailable`.
   */
  async request(options: KubernetesRequest): Promise<Dispatcher.ResponseData['body']> {
    const { method = 'GET', path, headers, body, silenceMs = answerTimeoutMs, signal } = options;
    const token = (await this.#read('token')).trim();
    const dispatcher = await this.#dispatcher();
    try {
      const answer = await request(`${this.#config.apiServer}${path}`, {
        method,
        headers: { accept: 'application/json', ...headers, authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
        ...{ dispatcher, signal, bodyTimeout: silenceMs, headersTimeout: answerTimeoutMs },
      });
      if (answer.statusCode < 300) return answer.body;
      throw await refusalOf(answer, options);
    } catch (error) {
      if (signal.aborted || error instanceof SlipwayError || error instanceof GoneError) throw error;
      throw unavailable(error);
    }
  }

  async close(): Promise<void> {
    await this.#agent?.dispatcher.destroy();
  }

  async #dispatcher(): Promise<Agent> {
    const authority = await this.#read('ca.crt');
    if (this.#agent?.authority === authority) return this.#agent.dispatcher;
    // Requests that run on the old connections end there.
    void this.#agent?.dispatcher.close();
    const connect = { timeout: connectTimeoutMs, ...(authority !== '' && { ca: authority }) };
    this.#agent = { authority, dispatcher: new Agent({ connect }) };
    return this.#agent.dispatcher;
  }

  async #read(name: string): Promise<string> {
    try {
      return await readFile(join(this.#config.accountDir, name), 'utf8');
    } catch (error) {
      throw new SlipwayError('kubernetes_unauthorized', (error as Error).message, { cause: error });
    }
  }
}

/** Returns an error for a connection that failed, broke off or fell silent. */
export function unavailable(error: unknown): SlipwayError {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new SlipwayError('kubernetes_unavailable', message, { cause: error });
}

async function refusalOf(answer: Dispatcher.ResponseData, { path, permission }: KubernetesRequest) {
  const { statusCode } = answer;
  const message = await messageOf(answer.body);
  const detail = `${path.split('?', 1)[0]} is answered with ${statusCode}${message && `: ${message}`}`;
  if (statusCode === 410) return new GoneError(detail);
  if (statusCode === 401) return new SlipwayError('kubernetes_unauthorized', detail);
  if (statusCode === 403)
    return new SlipwayError('kubernetes_forbidden', `The pod needs a role with ${permission}. ${detail}`);
  return new SlipwayError('kubernetes_unavailable', detail);
}

/** Returns the message of a `Status` object, or the start of another answer. */
async function messageOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxMessageBytes) break;
  }
  const text = Buffer.concat(chunks).toString('utf8').slice(0, maxMessageBytes);
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return text.trim().slice(0, 300);
  }
}
