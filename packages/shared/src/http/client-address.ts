import type { Request } from 'express';
import { networkOf, plainAddress } from './network.js';

/** Where a request came from, as the trusted proxies before us say. An IPv4 address is written as one. */
export const clientAddress = (req: Request): string => plainAddress(req.ip ?? '');

/** What one client has of addresses: one of IPv4, and a /64 of IPv6. */
export const clientNetwork = (req: Request): string => networkOf(req.ip ?? '');
