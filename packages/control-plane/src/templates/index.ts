export { readTemplate } from './read-template.js';
export { TemplateStore } from './template-store.js';
