// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts contain references to the environment
import { existsSync } from 'node:fs';
import { temporaryFolder } from '@slipway/local';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { json, serve, slipway } from '../testing/command-line.js';
import { writeFiles } from '../testing/stack-project.js';

let git: GitServer;
let url: string;
beforeEach(async () => {
  const folder = await temporaryFolder();
  const before = process.cwd();
  onTestFinished(() => {
    process.chdir(before);
    return folder.remove();
  });
  process.chdir(folder.path);
  git = await startGitServer();
  onTestFinished(() => git.stop());
  const repository = git.repository('templates');
  repository.commit({ 'template/node/template.yml': '', 'template/node/Dockerfile': 'FROM scratch\n' });
  ({ url } = repository);
});

describe('templates push', () => {
  const stack = (source: string) =>
    `provider: { name: openfaas }\nconfiguration: { templates: [{ name: node@1, source: "${source}" }] }\n`;

  test.each([
    ['stack.yaml', [], '${TEMPLATES}'],
    ['stack.yml', [], '${TEMPLATES}'],
    ['other.yaml', ['-f', 'other.yaml'], '${TEMPLATES}'],
    ['stack.yaml', ['--no-envsubst'], undefined],
  ])('fetches a missing template from the source in %s %j', async (file, options, source) => {
    writeFiles('.', { [file]: stack(source ?? url) });
    const { env, asked } = await serve({});
    const pushed = await slipway(['templates', 'push', 'template/node@1/', ...options], {
      ...env,
      TEMPLATES: url,
    });
    expect(pushed.err).toMatch(/^fetching +http\S+\ntemplate +node@1 at /);
    expect(existsSync('template/node@1/meta.json')).toBe(true);
    expect(asked.map(({ call }) => call)).toContain('PUT /v1/templates/node%401');
  });

  test('fetches from the store without a stack file, and nothing for an existing folder', async () => {
    const store = await serve({ 'GET /': json(200, [{ template: 'node', repo: url }]) });
    const { env } = await serve({});
    const push = () =>
      slipway(['templates', 'push', './template/node', '--template-store', `${store.url}/`], env);
    await push();
    const before = git.requests.length;
    expect(before).toBeGreaterThan(0);
    await push();
    expect(git.requests).toHaveLength(before);
  });

  test.each([
    [['./elsewhere/node'], 'elsewhere/node is not there'],
    [['./template'], 'template is not there'],
    [['./template/a/b'], 'template/a/b is not there'],
    [['./template/node', '--no-pull'], "the template 'node', from the template store"],
    [['./template/node', '-f', 'gone.yaml'], 'the file gone.yaml was not found'],
  ])('%j fetches nothing', async (args, message) => {
    const { exit, err } = await slipway(['templates', 'push', ...args], {});
    expect([exit, err]).toEqual([2, expect.stringContaining(message)]);
    expect(git.requests).toHaveLength(0);
  });
});
