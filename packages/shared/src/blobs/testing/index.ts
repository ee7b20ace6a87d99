export { blobStoreConformance, type TestedStore } from './conformance.js';
