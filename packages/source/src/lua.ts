import type { LuaFolder } from '@slipway/shared/redis';

export const sourceLua: LuaFolder = { url: new URL('../lua/', import.meta.url) };
