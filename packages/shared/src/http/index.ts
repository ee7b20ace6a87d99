export { clientAddress, clientNetwork } from './client-address.js';
export { healthRouter } from './health.js';
export {
  notFoundHandler,
  problemHandler,
  refuseWhile,
  refuseWhileDraining,
  sendProblem,
} from './problems.js';
export { noStore, pagePolicy, securityHeaders } from './security-headers.js';
export { httpServer } from './server.js';
export { type ServiceListen, serviceServers } from './service-servers.js';
export { defaultHttpSettings, type HttpSettings } from './settings.js';
