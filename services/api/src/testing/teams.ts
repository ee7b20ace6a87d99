import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { FleetOfOne } from './fleet-of-one.js';

/** Images that a team of the tests may push. */
export const teamSettings = { images: ['r.example/team/'] };

/** Returns calls as the administrator of the fleet, for tests of tenants. */
export function teamsOf(fleet: () => FleetOfOne) {
  /** Sends JSON, with the token of the installation unless another one is given. */
  const say: FleetOfOne['say'] = (method, path, body, token = 'token') =>
    fleet().say(method, path, body, token);
  return {
    say,
    /** Creates a new tenant, with a token. */
    async team(changes: object = {}, scopes: readonly string[] = ['jobs:write', 'tokens:admin']) {
      const name = `team-${randomUUID()}`;
      expect((await say('PUT', `/v1/tenants/${name}`, { ...teamSettings, ...changes })).status).toBe(201);
      const made = await say('POST', '/v1/tokens', { tenant: name, description: 'CI', scopes });
      expect(made.status).toBe(201);
      return { name, id: made.body.id as string, token: made.body.token as string };
    },
    async code(asked: ReturnType<FleetOfOne['say']>) {
      const { status, body } = await asked;
      return [status, body?.code];
    },
  };
}
