const service = '^services/([^/]+)/';
const only = (name, from, allowed, except = '^$') => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: except },
  to: { path: '^(packages|services|e2e|bench)/', pathNot: [from, ...allowed.map((place) => `^${place}/`)] },
});
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
    only('services-import-shared', '^services/', ['packages/shared'], tests),
    only('tests-of-services-start-real-parts', '^services/', ['packages/shared', 'packages/local']),
    only('shared-imports-libraries', '^packages/shared/', []),
    {
      name: 'hostile-input-is-for-tests',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [tests, '^packages/shared/src/hostile/'] },
      to: { path: '^packages/shared/src/hostile/' },
    },
    only('client-imports-libraries', '^packages/client/', []),
    only('dashboard-imports-client', '^packages/dashboard/', ['packages/client']),
    only('local-imports-libraries', '^packages/local/', []),
    // The digest of a source is computed, and secrets are sealed, by the same code on both sides (docs/adr/0006).
    only('cli-imports-client-and-local', '^packages/cli/', [
      'packages/client',
      'packages/local',
      'packages/shared/src/(contracts|source|sealing|config|platforms|git|errors)',
    ]),
    only('simulator-imports-shared-and-local', '^packages/simulator/', ['packages/shared', 'packages/local']),
    only('e2e-and-bench-drive-from-outside', '^(e2e|bench)/', [
      'packages/client',
      'packages/local',
      'packages/simulator',
      'packages/shared',
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
