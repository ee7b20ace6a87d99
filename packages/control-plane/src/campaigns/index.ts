export { type CampaignOptions, type CampaignRecord, toCampaign } from './campaign-record.js';
export { CampaignStore, type PlannedFunction } from './campaign-store.js';
export { type FunctionResult, outcomeOf } from './outcome.js';
export { planWaves, startOfWave, waveOf } from './wave-plan.js';
