export { classifyFailure } from './classify.js';
