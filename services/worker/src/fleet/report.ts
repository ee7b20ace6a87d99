import {
  type BuilderFeature,
  builderFeatures,
  engineHeader,
  featuresHeader,
  instanceHeader,
  type ReplicaEngine,
  type ReplicaReadiness,
  reportedEngines,
} from '@slipway/shared/contracts';
import { type Dispatcher, request } from 'undici';

/** A replica's report about itself. `unexplained`: it is not ready, and gives no reason. */
export interface ReplicaReport {
  readonly engine: ReplicaEngine;
  readonly features: readonly BuilderFeature[];
  /** The process that answered. Builders of others do not name it. */
  readonly instance?: string;
  readonly readiness: Exclude<ReplicaReadiness, 'unknown'> | 'unexplained';
  /** Its own words for why it is not ready. */
  readonly reason?: string;
}

const timeoutMs = 2_000;
const maxAnswerBytes = 4_096;
const maxReasonLength = 300;

/**
 * Asks a replica how ready it is (`GET /ready`, protocol.md). Slipway's builder answers 503 or 429 with the code of an error. A replica that answers
 * `GET /healthz` alone is not ready, and gives no reason. Returns undefined when it answers neither.
 */
export async function reportOf(url: string, dispatcher: Dispatcher): Promise<ReplicaReport | undefined> {
  let answer: Dispatcher.ResponseData;
  let text: string;
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    answer = await request(new URL('/ready', url), { dispatcher, signal });
    text = await readStart(answer.body);
  } catch {
    const identity = await identityOf(url, dispatcher);
    return identity && { ...identity, readiness: 'unexplained', reason: 'GET /ready gives no answer.' };
  }
  const identity = reportedIdentity(answer.headers);
  const { statusCode: status } = answer;
  // A builder that has no such route says nothing about its readiness.
  if (status < 500 && status !== 429) return { ...identity, readiness: 'ready' };
  const { code, detail } = explanationOf(text);
  const reason = (detail ?? code ?? text.trim()).slice(0, maxReasonLength);
  return { ...identity, readiness: readinessOf(code), ...(reason !== '' && { reason }) };
}

/** Returns whether a replica answers at all, ready or not. */
export async function answers(url: string, dispatcher: Dispatcher): Promise<boolean> {
  return (await identityOf(url, dispatcher)) !== undefined;
}

/** Returns what a replica reports as its engine and features; undefined when it does not answer. */
export async function identityOf(url: string, dispatcher: Dispatcher): Promise<Identity | undefined> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { statusCode, headers, body } = await request(new URL('/healthz', url), { dispatcher, signal });
    await body.dump();
    return statusCode < 500 ? reportedIdentity(headers) : undefined;
  } catch {
    // Why it does not answer does not matter: it is not usable.
    return undefined;
  }
}

type Identity = Pick<ReplicaReport, 'engine' | 'features' | 'instance'>;

/** Returns what the headers of an answer say about the engine, the features and the process. Builders of others send no such headers. */
export function reportedIdentity(headers: Readonly<Record<string, string | string[] | undefined>>): Identity {
  const value = headers[engineHeader];
  const instance = String(headers[instanceHeader] ?? '');
  const named = String(headers[featuresHeader] ?? '')
    .split(',')
    .map((name) => name.trim());
  return {
    engine:
      value === undefined ? 'unreported' : (reportedEngines.find((name) => name === value) ?? 'unknown'),
    features: builderFeatures.filter((name) => named.includes(name)),
    ...(/^[\w-]{1,64}$/.test(instance) && { instance }),
  };
}

function readinessOf(code: string | undefined): ReplicaReport['readiness'] {
  switch (code) {
    case undefined:
      return 'unexplained';
    case 'builder_busy':
      return 'full';
    case 'builder_draining':
      return 'draining';
    default:
      return 'broken';
  }
}

function explanationOf(text: string): { readonly code?: string; readonly detail?: string } {
  try {
    const { code, detail } = JSON.parse(text) as Record<string, unknown>;
    return {
      ...(typeof code === 'string' && { code }),
      ...(typeof detail === 'string' && detail !== '' && { detail }),
    };
  } catch {
    return {};
  }
}

/** Returns the body as text, or its start when it is longer than an explanation. */
async function readStart(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
