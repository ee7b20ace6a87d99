import { controlPlaneLua } from '@slipway/control-plane/lua';
import type { LuaFolder } from '@slipway/shared/redis';

export const apiLua: LuaFolder = { url: new URL('../lua/', import.meta.url), includes: [controlPlaneLua] };
