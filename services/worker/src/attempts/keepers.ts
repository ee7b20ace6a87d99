import { identityOf } from '../fleet/report.js';
import type { AttemptDeps } from './deps.js';

/** Milliseconds for which a replica that keeps no builds is not asked again. As often, workers ask each replica for its health. */
const askEveryMs = 5_000;

type KeepersDeps = Pick<AttemptDeps, 'registry' | 'dispatcher' | 'logger' | 'now'>;

/** Answers whether replicas keep builds whose caller is gone, where Redis did not know it when the attempt was placed: the replica is new, or gave no answer for a while. */
export class Keepers {
  readonly #deps: KeepersDeps;
  /** When each replica that keeps no builds may be asked again. */
  readonly #askAt = new Map<string, number>();

  constructor(deps: KeepersDeps) {
    this.#deps = deps;
  }

  /** Returns whether a replica keeps builds. Asks it, and records the answer, if Redis does not know it. */
  async keepsBuilds(url: string): Promise<boolean> {
    const now = this.#deps.now();
    if (now < (this.#askAt.get(url) ?? 0)) return false;
    const keeps = await this.#ask(url);
    if (keeps) this.#askAt.delete(url);
    else this.#askAt.set(url, now + askEveryMs);
    return keeps;
  }

  async #ask(url: string): Promise<boolean> {
    const { registry, dispatcher, logger } = this.#deps;
    try {
      const known = (await registry.get(url))?.features;
      if (known !== undefined) return known.includes('attachable-builds');
      const identity = await identityOf(url, dispatcher);
      if (identity === undefined) return false;
      await registry.setEngine(url, identity.engine, identity.features, identity.instance);
      return identity.features.includes('attachable-builds');
    } catch (error) {
      logger.warn({ err: error, replica: url }, 'it is unknown whether a replica keeps builds');
      return false;
    }
  }
}
