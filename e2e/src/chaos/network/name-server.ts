import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Answer, decode, encode } from 'dns-packet';

/** Host names with their lists of addresses. Each query for a name gets the next list. */
export type Zone = Readonly<Record<string, readonly (readonly string[])[]>>;

export interface NameServer {
  stop(): void;
}

/** Answers for a zone on 127.0.0.1:53; other names do not exist. Answers have a TTL of 0. */
export async function startNameServer(zone: Zone): Promise<NameServer> {
  const asked = new Map<string, number>();
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (!question) return;
    const { name, type } = question;
    const lists = zone[name.toLowerCase()];
    const turn = asked.get(`${name} ${type}`) ?? 0;
    asked.set(`${name} ${type}`, turn + 1);
    const addresses = lists?.[turn % lists.length] ?? [];
    const answers = addresses
      .filter((address) => (isIPv6(address) ? 'AAAA' : 'A') === type)
      .map((data): Answer => ({ type: isIPv6(data) ? 'AAAA' : 'A', name, ttl: 0, data }));
    const unknown = 3;
    // 0x8480: an answer, with authority, recursion available.
    const flags = 0x8480 | (lists ? 0 : unknown);
    const { id, questions = [] } = query;
    socket.send(
      encode({ type: 'response', id: id ?? 0, flags, questions, answers }),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).bind(53, '127.0.0.1', resolve);
  });
  return { stop: () => socket.close() };
}
