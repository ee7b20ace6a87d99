import type { Attack } from '../attack.js';

const count = 2_000;
const atOnce = 50;
/** Tokens that are used for the first time while wrong tokens come from the same address, and after. */
const newcomers = 5;

/** Sends many wrong tokens. Each is refused with a code, and right tokens from the same address are taken. */
export const wrongTokens: Attack = {
  name: 'wrong-tokens',
  async run({ fleet, note, addTenant }) {
    let wrong = 0;
    let next = 0;
    const guess = async () => {
      while (next++ < count) {
        const { status, body } = await fleet.calls.call('/v1/jobs', { token: `slp_guess${next}` });
        const { code } = body as { code?: string };
        if (status === 401 && code === 'unauthorized') continue;
        if (status === 429 && code === 'too_many_failures') continue;
        wrong++;
        note(`a wrong token was answered with ${status} ${code}`);
      }
    };
    let lockedOut = 0;
    const arrive = async (when: string) => {
      for (let at = 1; at <= newcomers; at++) {
        const token = await addTenant({ name: `${when}-${at}` });
        const { status, body } = await fleet.calls.call('/v1/jobs', { token });
        if (status === 200) continue;
        lockedOut++;
        note(`a right token was answered with ${status} ${(body as { code?: string }).code}`);
      }
    };
    await Promise.all([...Array.from({ length: atOnce }, guess), arrive('meanwhile')]);
    await arrive('afterwards');
    return { faults: { wrong_answers: wrong, locked_out: lockedOut }, facts: { wrong_tokens: count } };
  },
};
