import type { Request } from 'express';
import { networkOf, plainAddress } from './network.js';

/** Returns the client's address as reported by trusted proxies. An IPv4-mapped address is returned as IPv4. */
export const clientAddress = (req: Request): string => plainAddress(req.ip ?? '');

/** Returns the client's network: an IPv4 address, or an IPv6 /64. */
export const clientNetwork = (req: Request): string => networkOf(req.ip ?? '');
