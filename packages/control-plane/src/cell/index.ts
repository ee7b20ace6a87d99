export { type Cell, openCell, shownRedis } from './open-cell.js';
