import { controlPlaneLua } from '@slipway/shared/lua';
import type { LuaFolder } from '@slipway/shared/redis';

export const apiLua: LuaFolder = { url: new URL('../lua/', import.meta.url), includes: [controlPlaneLua] };
