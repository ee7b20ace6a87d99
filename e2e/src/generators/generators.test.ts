import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { dockerfile, makeContext, scratchFolder, tarOf } from '../context.js';
import { imageDigest } from '../registry.js';
import { type Stack, startStack } from '../stack.js';
import { generators, linters, succeed } from './generators.js';

let stack: Stack;
let document: string;
beforeAll(async () => {
  stack = await startStack();
  document = join(scratchFolder(), 'openapi.json');
  const served = await fetch(`${stack.url}/openapi.json`);
  writeFileSync(document, await served.text());
});
afterAll(() => stack?.stop());

test.each(Object.entries(linters))('%s finds nothing wrong with the served document', async (_name, lint) => {
  await lint(document);
});

describe('a client generated from the served document', () => {
  test.concurrent.for(Object.entries(generators))(
    '%s: uploads a source, submits a job, reads its log and a problem',
    async ([name, generate], { expect }) => {
      const { command, args, env } = await generate(document, scratchFolder());
      const line = `built with ${name}`;
      const archive = join(scratchFolder(), 'context.tar');
      writeFileSync(archive, tarOf(makeContext({ Dockerfile: dockerfile(`RUN echo "${line}"`) })));
      const image = `${stack.registry}/generated/${name.replace(' ', '-')}:1`;
      const printed = await succeed(command, [...args, stack.url, stack.token, image, archive], {
        ...(env && { env }),
      });
      const said = JSON.parse(printed) as Record<string, string>;
      expect(said).toEqual({
        source: expect.stringMatching(/^sha256:/),
        job: expect.stringMatching(/^job_/),
        state: 'succeeded',
        digest: await imageDigest(image),
        log: expect.stringContaining(line),
        problem: 'not_found',
      });
      const { source } = (await (await stack.call(`/v1/jobs/${said.job}`)).json()) as { source: object };
      expect(source).toEqual({ digest: said.source });
    },
  );
});
