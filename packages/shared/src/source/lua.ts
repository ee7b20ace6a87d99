import type { LuaFolder } from '../redis/index.js';

export const sourceLua: LuaFolder = { url: new URL('../../lua/', import.meta.url) };
