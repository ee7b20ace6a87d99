import type { LuaFolder } from '@slipway/shared/redis';

export const workerLua: LuaFolder = { url: new URL('../lua/', import.meta.url) };
