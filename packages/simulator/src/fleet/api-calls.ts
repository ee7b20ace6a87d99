import { Agent, request } from 'undici';

export interface ApiAnswer {
  readonly status: number;
  readonly type: string;
  /** Parsed where it is JSON, else as text. */
  readonly body: unknown;
}

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: Buffer;
  readonly type?: string;
  /** Another than the fleet's own. */
  readonly token?: string | undefined;
  /** Index of the API. Default 0. */
  readonly api?: number;
  /** Default 70,000: longer than any answer that waits. */
  readonly timeoutMs?: number;
}

/** Requests to the APIs of a fleet over connections that are kept, each sent once. */
export interface ApiCalls {
  /** Rejects when there is no answer. */
  call(path: string, options?: ApiCall): Promise<ApiAnswer>;
  close(): Promise<void>;
}

export function createApiCalls(options: {
  readonly urls: readonly string[];
  readonly token: string;
}): ApiCalls {
  const dispatcher = new Agent({ connections: 256, pipelining: 1 });
  return {
    async call(path, { method = 'GET', json, body, type, token, api = 0, timeoutMs = 70_000 } = {}) {
      const answer = await request(`${options.urls[api % options.urls.length]}${path}`, {
        method,
        dispatcher,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        headers: {
          authorization: `Bearer ${token ?? options.token}`,
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...(type !== undefined && { 'content-type': type }),
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
        ...(body !== undefined && { body }),
      });
      const text = await answer.body.text();
      const said = String(answer.headers['content-type'] ?? '');
      return {
        status: answer.statusCode,
        type: said,
        body: said.includes('json') ? JSON.parse(text) : text,
      };
    },
    close: () => dispatcher.destroy(),
  };
}
