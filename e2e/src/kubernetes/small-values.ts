/** Values of a pool whose builders have room beside all others on the node of the suite. */
export const smallBuilder = {
  resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
  buildkit: { resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '2Gi' } } },
};
