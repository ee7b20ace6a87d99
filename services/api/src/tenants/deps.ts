import type { Directory } from './directory.js';
import type { TenantStores } from './remove-tenant.js';

export interface TenantEndpointsDeps extends TenantStores {
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  /** Told of every change, so that this process does not wait to hear of its own. */
  readonly directory: Pick<Directory, 'forget'>;
}
