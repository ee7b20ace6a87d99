export { decodeJson, parseJson, tooComplex } from './parse.js';
export { type JsonBounds, JsonScanner } from './scanner.js';
