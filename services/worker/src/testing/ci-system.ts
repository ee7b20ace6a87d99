import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface CiCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
  /** Status of the answer. */
  readonly status: number;
}

interface CiSystem {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** As they came, those that failed among them. */
  readonly calls: CiCall[];
  /** The calls to paths that begin so and were taken. */
  taken(path: string): CiCall[];
  /** From now on the first call of each kind to each path is answered with a failure. */
  failFirst(): void;
  close(): Promise<void>;
}

type Answer = readonly [status: number, body?: object, headers?: Record<string, string>];
type Headers = IncomingHttpHeaders;
type Body = Record<string, unknown>;

export const ciToken = 'hush-hush';

/**
 * Starts an HTTP server in the place of the CI systems. It accepts the calls that their documentation describes, and refuses others with
 * the same statuses. A status of GitLab cannot be set to its current value.
 */
export async function startCiSystem(): Promise<CiSystem> {
  const calls: CiCall[] = [];
  const gitlabStates = new Map<string, unknown>();
  let fails = false;
  const failed = new Set<string>();

  const answerTo = (path: string, headers: Headers, body: Body): Answer => {
    const kind = `${path} ${String(body.state ?? body.type ?? '')}`;
    if (fails && !failed.has(kind)) {
      failed.add(kind);
      return path.startsWith('/api/v4') ? [429, { message: 'Retry later' }, { 'retry-after': '1' }] : [502];
    }
    if (/^\/repos\/[^/]+\/[^/]+\/statuses\/[0-9a-f]{40}$/.test(path)) return githubStatus(headers, body);
    if (/^\/repos\/[^/]+\/[^/]+\/dispatches$/.test(path)) return githubDispatch(headers, body);
    if (/^\/api\/v4\/projects\/[^/]+%2F[^/]+\/statuses\/[0-9a-f]{40}$/.test(path)) {
      return gitlabStatus(`${path} ${String(body.name)}`, headers, body);
    }
    if (/^\/api\/v4\/projects\/[^/]+%2F[^/]+\/trigger\/pipeline$/.test(path)) return gitlabTrigger(body);
    if (path === '/generic-webhook-trigger/invoke') return jenkinsTrigger(headers);
    return [404, { message: 'Not Found' }];
  };

  const gitlabStatus = (key: string, headers: Headers, body: Body): Answer => {
    if (headers['private-token'] !== ciToken) return [401, { message: '401 Unauthorized' }];
    const { state, name, description, target_url: target, ...others } = body;
    const known = ['pending', 'running', 'success', 'failed', 'canceled'].includes(String(state));
    const long = [name, description, target].some((text) => String(text ?? '').length > 255);
    if (!known || long || Object.keys(others).length > 0) return [400, { error: 'invalid' }];
    if (gitlabStates.get(key) === state) {
      return [400, { message: `Cannot transition status via :run from :${String(state)}` }];
    }
    gitlabStates.set(key, state);
    return [201, { status: state }];
  };

  const server = createServer(async (req, res) => {
    const text = Buffer.concat(await req.toArray()).toString();
    const { method = '', url: path = '', headers } = req;
    const body = JSON.parse(text) as Body;
    const answer: Answer =
      method === 'POST' && headers['content-type'] === 'application/json' && headers['user-agent']
        ? answerTo(path, headers, body)
        : [400, { message: 'Problems parsing JSON' }];
    calls.push({ method, path, headers, body, status: answer[0] });
    send(res, answer);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    taken: (prefix) => calls.filter(({ path, status }) => path.startsWith(prefix) && status < 300),
    failFirst() {
      fails = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const send = (res: ServerResponse, [status, body, headers]: Answer) =>
  res
    .writeHead(status, { ...headers, ...(body && { 'content-type': 'application/json' }) })
    .end(body && JSON.stringify(body));

const isGithub = (headers: Headers) =>
  headers.accept === 'application/vnd.github+json' && headers['x-github-api-version'] === '2022-11-28';

function githubStatus(headers: Headers, body: Body): Answer {
  if (headers.authorization !== `Bearer ${ciToken}`) return [401, { message: 'Bad credentials' }];
  const { state, description, target_url: _target, context: _context, ...others } = body;
  const known = ['pending', 'success', 'failure', 'error'].includes(String(state));
  if (!isGithub(headers) || !known || String(description).length > 140 || Object.keys(others).length > 0) {
    return [422, { message: 'Validation Failed' }];
  }
  return [201, { state }];
}

function githubDispatch(headers: Headers, body: Body): Answer {
  if (headers.authorization !== `Bearer ${ciToken}`) return [401, { message: 'Bad credentials' }];
  const { event_type: type, client_payload: payload, ...others } = body;
  const properties = Object.keys(payload as object).length;
  if (!isGithub(headers) || typeof type !== 'string' || properties > 10 || Object.keys(others).length > 0) {
    return [422, { message: `Invalid request. ${properties} were supplied.` }];
  }
  return [204];
}

function gitlabTrigger({ token, ref, variables, ...others }: Body): Answer {
  if (token !== ciToken) return [404, { message: '404 Not Found' }];
  const texts = Object.values(variables as object).every((value) => typeof value === 'string');
  return texts && ref && Object.keys(others).length === 0 ? [201, { id: 1 }] : [400, { error: 'invalid' }];
}

const jenkinsTrigger = (headers: Headers): Answer =>
  headers.token === ciToken
    ? [200, { message: 'Triggered jobs.' }]
    : [404, { message: 'Did not find any jobs with GenericTrigger configured!' }];
