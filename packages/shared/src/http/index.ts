export { clientAddress, clientNetwork } from './network.js';
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
