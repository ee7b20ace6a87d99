const service = '^services/([^/]+)/';
const only = (name, from, allowed, except = '^$') => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: except },
  to: { path: '^(packages|services|e2e|bench)/', pathNot: [from, ...allowed.map((place) => `^${place}/`)] },
});
const foundations = ['packages/shared', 'packages/source'];
const contracts = '(contracts|errors|formatting|ids|platforms|json|registry-hosts)';
const tests = '\\.test\\.ts$|/testing/';

/** The arrows of docs/architecture.md: who may import whom. */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'services-never-import-each-other',
      severity: 'error',
      from: { path: service },
      to: { path: service, pathNot: '^services/$1/' },
    },
    only(
      'api-and-worker-import',
      '^services/(api|worker)/',
      [...foundations, 'packages/control-plane'],
      tests,
    ),
    only('builder-imports', '^services/builder/', foundations, tests),
    only('tests-of-services-start-real-parts', '^services/', [
      ...foundations,
      'packages/control-plane',
      'packages/local',
    ]),
    only('shared-imports-libraries', '^packages/shared/', []),
    {
      name: 'contracts-are-pure',
      comment: 'The CLI and the dashboard load them: no Redis, no Node.js I/O.',
      severity: 'error',
      from: { path: `^packages/shared/src/${contracts}/`, pathNot: tests },
      to: {
        pathNot: [
          `^packages/shared/src/${contracts}/`,
          '(^|/)node_modules/(zod|ulid|yaml|ipaddr\\.js)/',
          '^node:crypto$',
          '^crypto$',
        ],
      },
    },
    only('source-imports-shared', '^packages/source/', ['packages/shared']),
    only('control-plane-imports', '^packages/control-plane/', foundations),
    {
      name: 'hostile-input-is-for-tests',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [tests, '^packages/source/src/hostile/'] },
      to: { path: '^packages/source/src/hostile/' },
    },
    {
      name: 'virtual-time-is-for-tests',
      comment: "Scripts of the services take Redis' time. Nothing there can give them another clock.",
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [tests, '^packages/shared/src/virtual-time/'] },
      to: { path: '^packages/shared/src/virtual-time/' },
    },
    only('client-imports-libraries', '^packages/client/', []),
    only('dashboard-imports-client-and-contracts', '^packages/dashboard/', [
      'packages/client',
      `packages/shared/src/${contracts}`,
    ]),
    only('local-imports-shared', '^packages/local/', ['packages/shared']),
    // The digest of a source is computed, secrets are sealed, and blobs are copied, by the same code on both sides (docs/adr/0006).
    only('cli-imports-client-and-local', '^packages/cli/', [
      'packages/client',
      'packages/local',
      'packages/source',
      `packages/shared/src/${contracts}`,
      'packages/shared/src/(sealing|config|git|processes|blobs)',
    ]),
    {
      name: 'cli-loads-blob-stores-late',
      comment: 'Only `slipway blobs` needs a store and its S3 client. Other commands would start later.',
      severity: 'error',
      from: { path: '^packages/cli/', pathNot: [tests, '^packages/cli/src/blobs/copy'] },
      to: {
        path: '^packages/(shared/src/blobs|cli/src/blobs/copy)',
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    only('simulator-imports', '^packages/simulator/', [...foundations, 'packages/local']),
    only(
      'e2e-and-bench-drive-from-outside',
      '^(e2e|bench)/',
      ['packages/client', 'packages/local', 'packages/simulator', ...foundations, 'packages/control-plane'],
      '^bench/src/simulation/',
    ),
    // The simulation runs the decisions of the worker on its own clock (docs/adr/0024).
    only('simulation-imports', '^bench/src/simulation/', [
      'packages/local',
      'packages/shared',
      'packages/control-plane',
      'services/worker/src/decisions',
    ]),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/|node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      conditionNames: ['slipway-source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
