export { healthRouter } from './health.js';
export { metricsServer } from './metrics.js';
export { notFoundHandler, problemHandler, refuseWhileDraining, sendProblem } from './problems.js';
export { httpServer } from './server.js';
