import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { expect, onTestFinished } from 'vitest';
import { serve } from '../../testing/command-line.js';
import { pullTemplates } from '../pull-templates.js';

type Wanted = Readonly<Record<string, string | undefined>>;
type Env = Readonly<Record<string, string | undefined>>;

/** Starts a git server and makes an empty project for one test. The test may leave no partial templates. */
export async function startProject() {
  const server = await startGitServer();
  onTestFinished(() => server.stop());
  const project = await temporaryFolder();
  onTestFinished(() => project.remove());
  const folder = project.path;
  const names = () => readdirSync(join(folder, 'template')).sort();
  onTestFinished(() => {
    if (!existsSync(join(folder, 'template'))) return;
    expect(names().filter((name) => name.startsWith('.'))).toEqual([]);
  });
  const at = (path: string) => readFileSync(join(folder, 'template', path), 'utf8');
  const lines: string[] = [];
  return {
    server,
    folder,
    /** The progress lines so far. */
    lines,
    names,
    at,
    noteOf: (name: string) => JSON.parse(at(`${name}/meta.json`)) as Record<string, string>,
    repository: (...given: RepositoryArguments) => repository(server, ...given),
    /** Pulls templates. A template with a `#` comes from a source, others from the store at `storeUrl`. */
    pull: (
      wanted: Wanted,
      {
        storeUrl = 'http://127.0.0.1:1/',
        env = process.env as Env,
        signal = new AbortController().signal,
      } = {},
    ) =>
      pullTemplates({
        missing: Object.entries(wanted).map(([lang, source]) => ({
          lang,
          functions: [`${lang}-fn`],
          source,
        })),
        ...{ folder, storeUrl, env, signal },
        say: (step, text) => lines.push(`${step} ${text}`),
      }),
  };
}

type RepositoryArguments = [
  name: string,
  templates: Readonly<Record<string, string>>,
  more?: Parameters<ReturnType<GitServer['repository']>['commit']>[0],
];

/** Creates a repository of templates: name → Dockerfile. */
function repository(server: GitServer, ...[name, templates, more = {}]: RepositoryArguments) {
  const made = server.repository(name);
  const files = Object.entries(templates).flatMap(([template, text]) => [
    [`template/${template}/template.yml`, `language: ${template}\n`] as const,
    [`template/${template}/Dockerfile`, text] as const,
    [`template/${template}/run.sh`, '#!/bin/sh\n'] as const,
  ]);
  const bare = `${made.folder.replace(/-work$/, '')}.git`;
  const commit = made.commit({ ...Object.fromEntries(files), ...more });
  const push = (ref: string) => made.git('push', '--quiet', bare, `HEAD:${ref}`);
  return { ...made, first: commit, push };
}

/** Serves a list of templates. */
export async function store(list: unknown) {
  const answers = (res: ServerResponse) => {
    res.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(list));
  };
  const { url, asked } = await serve({ 'GET /templates.json': answers });
  return { storeUrl: `${url}/templates.json`, asked };
}
