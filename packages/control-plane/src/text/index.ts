export { cutText, jsonBytes } from './cut.js';
