import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { output, ownBin, run, which } from './commands.mjs';
import { say, step } from './output.mjs';

/**
 * Tools that are published as Go source alone, built here at a fixed version.
 * `oldest`: a program found on PATH does if it is at least of this version.
 */
export const testTools = [
  {
    module: 'github.com/moby/buildkit',
    version: 'v0.34.2',
    oldest: [0, 31, 1],
    programs: { buildctl: './cmd/buildctl', buildkitd: './cmd/buildkitd' },
    ldflags: '-ldflags=-s -w -X github.com/moby/buildkit/version.Version=v0.34.2',
  },
  {
    // The reference implementation of the Compose Specification: it checks docker-compose.yml.
    module: 'github.com/compose-spec/compose-go/v2',
    version: 'v2.16.2',
    programs: { 'compose-spec': './cmd' },
    ldflags: '-ldflags=-s -w',
  },
  {
    // Checks the workflow of examples/ci.
    module: 'github.com/rhysd/actionlint',
    version: 'v1.7.12',
    programs: { actionlint: './cmd/actionlint' },
    ldflags: '-ldflags=-s -w',
  },
  {
    // An S3 server over a folder.
    module: 'github.com/versity/versitygw',
    version: 'v1.8.0',
    programs: { versitygw: './cmd/versitygw' },
    ldflags: '-ldflags=-s -w',
  },
  {
    // A TCP proxy with faults: latency, bandwidth, cut connections.
    module: 'github.com/Shopify/toxiproxy/v2',
    version: 'v2.5.0',
    programs: { 'toxiproxy-server': './cmd/server' },
    ldflags: '-ldflags=-s -w',
  },
];

/** Further tools of `npm run test:system`. Distributions have versions of docker-compose that are too old. */
export const systemTools = [
  {
    module: 'github.com/docker/compose/v2',
    version: 'v2.40.3',
    oldest: [2, 40, 0],
    programs: { 'docker-compose': './cmd' },
    ldflags: '-ldflags=-s -w -X github.com/docker/compose/v2/internal.Version=v2.40.3',
  },
  {
    // Generates a client of the OpenAPI document.
    module: 'github.com/oapi-codegen/oapi-codegen/v2',
    version: 'v2.8.2',
    programs: { 'oapi-codegen': './cmd/oapi-codegen' },
    ldflags: '-ldflags=-s -w',
  },
  {
    // Renders the chart of deploy/helm. Helm 3 takes the version of Kubernetes that it renders for from the linker.
    module: 'helm.sh/helm/v3',
    version: 'v3.22.0',
    programs: { helm: './cmd/helm' },
    ldflags: [
      '-ldflags=-s -w',
      '-X helm.sh/helm/v3/internal/version.version=v3.22.0',
      ...['pkg/chartutil', 'pkg/lint/rules'].flatMap((path) => [
        `-X helm.sh/helm/v3/${path}.k8sVersionMajor=1`,
        `-X helm.sh/helm/v3/${path}.k8sVersionMinor=37`,
      ]),
    ].join(' '),
  },
  {
    // The chart works with Helm 4 too, which has the same program name.
    module: 'helm.sh/helm/v4',
    version: 'v4.3.2',
    programs: { helm4: './cmd/helm' },
    ldflags: '-ldflags=-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.2',
  },
];

/** Builds each tool that is missing. Without a Go toolchain it prints which ones are left out. */
export async function buildGoTools(tools) {
  for (const tool of tools) {
    const names = Object.keys(tool.programs);
    const present = await Promise.all(names.map((name) => isPresent(name, tool.oldest)));
    if (present.every(Boolean)) say(`${names.join(', ')}: here`);
    else if (which('go') === undefined)
      say(`${names.join(', ')}: left out, there is no Go toolchain to build them with`);
    else await buildTool(tool);
  }
}

async function isPresent(name, oldest) {
  if (which(name) === undefined) return false;
  if (oldest === undefined) return true;
  const found = (await output(name, ['--version']))?.match(/v(\d+)\.(\d+)\.(\d+)/);
  if (!found) return false;
  const first = oldest.findIndex((part, index) => part !== Number(found[index + 1]));
  return first === -1 || Number(found[first + 1]) > oldest[first];
}

async function buildTool({ module, version, programs, ldflags }) {
  const source = `${module}@${version}`;
  await step(`${Object.keys(programs).join(', ')}: go build of ${source}`, async () => {
    mkdirSync(ownBin, { recursive: true });
    const unfinished = mkdtempSync(join(ownBin, '.unfinished-'));
    try {
      // Built in the module's own folder, because `go install` refuses a go.mod with exclude lines.
      const { Dir: folder } = JSON.parse(await run('go', ['mod', 'download', '-json', source]));
      await run(
        'go',
        ['build', '-mod=readonly', '-trimpath', ldflags, '-o', `${unfinished}/`, ...Object.values(programs)],
        { cwd: folder, env: { CGO_ENABLED: '0', GOWORK: 'off' } },
      );
      for (const [name, path] of Object.entries(programs)) {
        renameSync(join(unfinished, basename(path)), join(ownBin, name));
      }
    } finally {
      rmSync(unfinished, { recursive: true });
    }
  });
}
