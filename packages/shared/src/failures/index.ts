export { classify, type EngineFailure } from './classify.js';
