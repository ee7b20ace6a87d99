import type { Directory } from './directory.js';
import type { TenantStores } from './remove-tenant.js';

export interface TenantEndpointsDeps extends TenantStores {
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
  /** Called on every change, so that this process sees its own changes at once. */
  readonly directory: Pick<Directory, 'forget'>;
}
