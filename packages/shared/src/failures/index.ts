export { classify, type EngineFailure, failureDetail } from './classify.js';
export { codeOfPushRefusal, type PushRefusal } from './push-refusal.js';
