export { clientAddress, clientNetwork } from './client-address.js';
export { healthRouter } from './health.js';
export { healthServer } from './health-server.js';
export { metricsServer } from './metrics.js';
export {
  notFoundHandler,
  problemHandler,
  refuseWhile,
  refuseWhileDraining,
  sendProblem,
} from './problems.js';
export { noStore, pagePolicy, securityHeaders } from './security-headers.js';
export { httpServer } from './server.js';
export { defaultHttpSettings, type HttpSettings } from './settings.js';
