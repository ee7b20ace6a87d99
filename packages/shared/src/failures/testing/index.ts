export { type AnsweringRegistry, startAnsweringRegistry } from './answering-registry.js';
export { type PushStep, type RegistryAnswer, registryAnswers } from './registry-answers.js';
