import type { LuaFolder } from '@slipway/shared/redis';
import { schemaVersions } from '../records/index.js';

/** Names of one tenant whose build time and replica are known; for other names the median counts. */
const learnedNames = 5_000;

/** The Lua files of this package. Services include some of them in their own. */
export const controlPlaneLua: LuaFolder = {
  url: new URL('../../lua/', import.meta.url),
  constants: {
    batch_schema: schemaVersions.batch,
    function_schema: schemaVersions.function,
    job_schema: schemaVersions.job,
    learned_names: learnedNames,
    template_schema: schemaVersions.template,
  },
};
