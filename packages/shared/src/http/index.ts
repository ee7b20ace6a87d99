export { healthRouter, metricsRouter } from './health.js';
export { notFoundHandler, problemHandler, refuseWhileDraining, sendProblem } from './problems.js';
export { httpServer } from './server.js';
