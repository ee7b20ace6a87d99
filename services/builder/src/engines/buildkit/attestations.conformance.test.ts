import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startRegistry, temporaryFolder } from '@slipway/local';
import { sandboxHostnameArg } from '@slipway/shared/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, failure } from '../../testing/build-request.js';
import { isTested, type OpenedEngine, openEngine } from '../../testing/engines.js';
import { objectsOf } from '../../testing/registry-content.js';

/** As BuildKit's protocol for scanners asks for (docs/attestations/sbom-protocol.md). */
const scanner = `${busyboxBase}COPY scan.sh /scan.sh
CMD ["/bin/sh", "/scan.sh"]
`;
const scan = `set -e
busybox cat > $BUILDKIT_SCAN_DESTINATION/found.spdx.json <<END
{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","predicate":{"name":"found"}}
END
`;

describe.runIf(isTested('buildkit'))('attestations', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  let opened: OpenedEngine;
  beforeAll(async () => {
    folder = await temporaryFolder();
    registry = await startRegistry({ dir: join(folder.path, 'registry') });
    opened = await openEngine({
      name: 'buildkit',
      dir: join(folder.path, 'engine'),
      insecureRegistries: [registry.host],
    });
  });
  afterAll(async () => {
    await opened?.close();
    await registry?.stop();
    await folder?.remove();
  });
  const request = (dockerfile: string, more = {}) =>
    buildRequest({
      folder: folder.path,
      registry: registry.host,
      files: { Dockerfile: dockerfile, 'scan.sh': scan },
      ...more,
    });

  /** The statements that an index holds, each about the image that it names. */
  const statementsOf = async (image: string) => {
    const objects = await objectsOf(image);
    const [index] = objects;
    const attested = objects.filter(
      ({ annotations }) => annotations?.['vnd.docker.reference.type'] === 'attestation-manifest',
    );
    const subjects = attested.map(({ annotations }) => annotations?.['vnd.docker.reference.digest']);
    const statements = objects
      .filter(({ mediaType }) => mediaType === 'application/vnd.in-toto+json')
      .map(({ content }) => JSON.parse(content.toString()));
    return { index, objects, subjects, statements };
  };

  test('say how an image was made, beside it in one index', async () => {
    const attestations = { sbom: false, provenance: true };
    const what = await request('FROM scratch\nCOPY busybox /\n', { attestations });
    const { digest } = await build(opened.engine, what);
    const { index, objects, subjects, statements } = await statementsOf(what.image);
    expect(index?.digest).toBe(digest);
    expect(index?.mediaType).toBe('application/vnd.oci.image.index.v1+json');
    expect(subjects).toHaveLength(1);
    expect(objects.map((object) => object.digest)).toContain(subjects[0]);
    expect(statements).toHaveLength(1);
    expect(statements[0].predicateType).toMatch(/^https:\/\/slsa\.dev\/provenance\//);
    expect(statements[0].subject[0].digest.sha256).toBe(subjects[0]?.replace('sha256:', ''));
  });

  test('say the host name of the steps, which is a keyed hash of the tenant, but no build arguments', async () => {
    const hostname = randomBytes(16).toString('hex');
    const buildArgs = { [sandboxHostnameArg]: hostname, WORD: 'given' };
    const attestations = { sbom: false, provenance: true };
    const steps = `${busyboxBase}ARG WORD\nRUN echo host $(busybox hostname)\n`;
    const what = await request(steps, { attestations, buildArgs });
    const { log } = await build(opened.engine, what);
    expect(log.join('\n')).toContain(`host ${hostname}`);
    const { objects, statements } = await statementsOf(what.image);
    expect(statements[0].predicate.buildDefinition.externalParameters.request.args).toEqual({
      cmdline: 'docker/dockerfile:1',
      hostname,
    });
    const holders = objects.filter(({ content }) => content.toString('latin1').includes(hostname));
    expect(holders.map(({ mediaType }) => mediaType)).toEqual(['application/vnd.in-toto+json']);
  });

  test('say what is in it, with the scanner that is set up', async () => {
    const made = await request(scanner);
    await build(opened.engine, made);
    const engine = await opened.reopen({ sbomScanner: made.image });
    const attestations = { sbom: true, provenance: false };
    const what = await request('FROM scratch\nCOPY busybox /\n', { attestations });
    await build(engine, what);
    const { statements } = await statementsOf(what.image);
    expect(statements).toMatchObject([
      { predicateType: 'https://spdx.dev/Document', predicate: { name: 'found' } },
    ]);
  });

  test('are not made unasked, nor without a scanner', async () => {
    const plain = await request('FROM scratch\nCOPY busybox /\n');
    await build(opened.engine, plain);
    expect((await statementsOf(plain.image)).subjects).toEqual([]);
    const what = await request('FROM scratch\nCOPY busybox /\n', {
      attestations: { sbom: true, provenance: false },
    });
    expect(await failure(opened.engine, what)).toMatchObject({ code: 'attestation_unsupported', log: [] });
  });
});
