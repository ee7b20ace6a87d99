import { basename, resolve } from 'node:path';
import type { Template } from '@slipway/client';
import { shortDigest } from '@slipway/shared/formatting';
import { submitted } from '../batch/commands.js';
import { packTree } from '../build/pack.js';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { TemplateFolderOptions } from '../pull/template-folder.js';
import { ContextTree, listPath } from '../stack/context-tree.js';
import { age, shown, table } from '../terminal/text.js';

/** Shows the templates of the server. */
export async function listTemplates(
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const templates = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTemplates({
      query: { limit: 200, ...(cursor !== undefined && { cursor }) },
    });
    templates.push(...page.templates);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  if (options.json) out.line(JSON.stringify(templates));
  else if (templates.length === 0) err.line('No templates.');
  else {
    const rows = templates.map((template) => [
      ...[template.name, String(template.version), shortDigest(template.digest)],
      shown(template.handler_folder),
      shown(template.build_options.map(({ name }) => name).join(' ')) || '-',
      shown(originOf(template)) || '-',
      `${age(template.updated_at)} ago`,
    ]);
    for (const row of table([
      ['TEMPLATE', 'VERSION', 'FILES', 'HANDLER', 'BUILD OPTIONS', 'FROM', 'CHANGED'],
      ...rows,
    ]))
      out.line(row);
  }
  return exitCodes.ok;
}

/** Returns the name of a folder. For `template/node@feature/a`, which `faas-cli` creates for a ref with a slash, it has both parts. */
const nameOf = (folder: string): string =>
  /\/template\/([^/@]+@[^@]+)$/.exec(folder)?.[1] ?? basename(folder);

/** Formats the origin recorded by `faas-cli` as `repository#ref (commit)`. */
function originOf({ origin }: Template): string {
  if (!origin) return '';
  const { repository, ref, sha } = origin;
  return `${repository}${ref === undefined ? '' : `#${ref}`}${sha === undefined ? '' : ` (${sha.slice(0, 7)})`}`;
}

export interface PushTemplateOptions extends CommonOptions, TemplateFolderOptions {
  readonly name?: string;
  readonly rebuild?: boolean;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** Sends a template folder to the server. Fetches a folder that `./template` lacks; with `rebuild`, rebuilds the template's functions. */
export async function pushTemplate(
  folder: string,
  options: PushTemplateOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal, env } = context;
  const { out, err } = terminal;
  const say = (step: string, text: string): void => {
    if (!options.json && !options.quiet) err.line(`${err.style('bold', step.padEnd(10))} ${text}`);
  };
  // The fetching code takes a while to load.
  const { provideFolder } = await import('../pull/template-folder.js');
  await provideFolder({ folder, options, env, say });
  const tree = new ContextTree();
  const files = await listPath({ path: resolve(folder) });
  if (files.type === 'folder') tree.lay('', files);
  await tree.settleNote();
  if (tree.entries.get('template.yml')?.type !== 'file') {
    throw new CommandError({
      message: `no template.yml in ${folder}`,
      remedy: 'Name the folder of one template, such as ./template/node.',
      exitCode: exitCodes.usage,
    });
  }
  const client = await connect({ options, env });
  const { batch, ...template } = await client.putTemplate({
    name: options.name ?? nameOf(resolve(folder)),
    archive: () => packTree(tree.entries),
    rebuild: options.rebuild ?? false,
  });
  if (options.json) out.line(JSON.stringify({ type: 'template', ...template, ...(batch && { batch }) }));
  say('template', `${template.name}, version ${template.version}, ${shortDigest(template.digest)}`);
  if (batch !== undefined) {
    return submitted({ batch: await client.getBatch({ id: batch }), client, options, context });
  }
  if (options.rebuild && !options.json) err.line('No function that uses it has to be built again.');
  return exitCodes.ok;
}
