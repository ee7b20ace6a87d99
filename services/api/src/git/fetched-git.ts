import type { GitSource, JobSpec } from '@slipway/shared/contracts';
import type { Account } from '../tenants/account.js';
import type { GitHeads, GitSources } from './git-sources.js';

type Source = JobSpec['source'];
type Git = Pick<GitSources, 'take'>;

/** Sources that one request fetches at once. */
const atOnce = 8;

/**
 * Fetches the sources that a request names, and returns a function that replays the outcomes. A failed fetch rejects when its source
 * is taken.
 */
export async function fetchAhead(sources: readonly GitSource[], git: Git, tenant: Account): Promise<Git> {
  const heads: GitHeads = new Map();
  const outcomes = new Map<string, Promise<Source>>();
  const distinct = new Map(sources.map((source) => [JSON.stringify(source), source]));
  const queue = distinct.entries();
  const work = async () => {
    for (const [key, source] of queue) {
      const taken = git.take(source, tenant, heads);
      outcomes.set(key, taken);
      await taken.catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return {
    take: (source, of, known) => outcomes.get(JSON.stringify(source)) ?? git.take(source, of, known),
  };
}
