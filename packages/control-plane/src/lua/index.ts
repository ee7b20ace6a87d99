import type { LuaFolder } from '@slipway/shared/redis';
import { schemaVersions } from '../records/index.js';

/** Limit of names per tenant with a stored build time and home replica. For other names the median counts. */
const learnedNames = 5_000;
/** Limit of the base images of a tenant whose newest digest is stored. */
const basesSeen = 2_000;

/** Priorities of each class in the queue of a pool. BullMQ takes priorities up to 2^21. */
const bandPriorities = 699_050;

/** The Lua files of this package. Services include some of them in their own. */
export const controlPlaneLua: LuaFolder = {
  url: new URL('../../lua/', import.meta.url),
  constants: {
    band_priorities: bandPriorities,
    bases_seen: basesSeen,
    batch_schema: schemaVersions.batch,
    campaign_schema: schemaVersions.campaign,
    function_schema: schemaVersions.function,
    job_schema: schemaVersions.job,
    learned_names: learnedNames,
    template_schema: schemaVersions.template,
  },
};
