export { classify, type EngineFailure } from './classify.js';
export { codeOfPushRefusal, type PushRefusal } from './push-refusal.js';
