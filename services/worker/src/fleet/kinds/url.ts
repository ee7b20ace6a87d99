import { type DiscoveryKind, originOf } from './kind.js';

/** `http://host:port`: one replica. */
export const urlKind: DiscoveryKind = {
  form: 'http://host:8081',
  schemes: ['http', 'https'],
  parse: originOf,
  async watch({ target, found }) {
    found([{ url: target, kind: 'url' }]);
  },
};
