import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AnyImageRegistry {
  readonly host: string;
  /** Returns the images that were asked for since the last call, sorted, each once, without the host. */
  asked(): string[];
  stop(): Promise<void>;
}

/** A registry on 127.0.0.1 that has every image: each is the image `name:tag` of the registry at `host`. */
export async function startAnyImageRegistry(real: {
  readonly host: string;
  readonly name: string;
  readonly tag: string;
}): Promise<AnyImageRegistry> {
  const images = new Set<string>();
  const server = createServer(async (req, res) => {
    const [, name, kind, which = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(req.url ?? '') ?? [];
    const isTag = kind === 'manifests' && !which.includes(':');
    if (isTag) images.add(`${name}:${which}`);
    const url = `http://${real.host}/v2/${name === undefined ? '' : `${real.name}/${kind}/${isTag ? real.tag : which}`}`;
    const { accept = '*/*' } = req.headers;
    const answer = await fetch(url, { method: req.method ?? 'GET', headers: { accept } });
    const kept = ['content-type', 'docker-content-digest', 'content-length'];
    res.writeHead(
      answer.status,
      kept
        .flatMap((header) => {
          const value = answer.headers.get(header);
          return value === null ? [] : [[header, value] as const];
        })
        .flat(),
    );
    res.end(Buffer.from(await answer.arrayBuffer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked() {
      const asked = [...images].sort();
      images.clear();
      return asked;
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
