import { mkdir, mkdtemp, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findTool, temporaryFolder } from '@slipway/local';
import { type Checkout, checkOut } from './checkout.js';
import {
  asCommandError,
  type MissingTemplate,
  notInRepository,
  notInStore,
  withoutGit,
  wrongSource,
} from './failures.js';
import { exists, place, templatesOf } from './place.js';
import { TemplateRefused } from './refusals.js';
import { parseSource, type TemplateSource, written } from './source.js';
import { readStore } from './store.js';

interface PullTemplates {
  readonly missing: readonly MissingTemplate[];
  /** The folder that contains `./template`. */
  readonly folder: string;
  readonly storeUrl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly say: (step: string, text: string) => void;
}

/** Templates from one fetch of a repository. */
interface Pull {
  readonly source: TemplateSource;
  readonly wanted: MissingTemplate[];
  /** Set for the store, from which all templates of the repository are taken; their names get this suffix. */
  others: { readonly suffix: string } | undefined;
}

/**
 * Fetches templates into `./template` as `faas-cli` does: from the source with the exact name in `configuration.templates`, else from
 * the repository in the template store. Each repository is fetched once. Existing templates are not changed. Throws a
 * `CommandError`, and leaves no partial template behind.
 */
export async function pullTemplates(options: PullTemplates): Promise<void> {
  for (const pull of await plan(options)) await fetchOne(pull, options);
}

/** Groups the missing templates by their repository. */
async function plan({ missing, folder, storeUrl, signal }: PullTemplates): Promise<Iterable<Pull>> {
  const pulls = new Map<string, Pull>();
  let store: ReadonlyMap<string, string> | undefined;
  for (const template of missing) {
    const fromStore = template.source === undefined;
    if (fromStore) store ??= await readStore({ url: storeUrl, signal });
    const { name, pin } = partsOf(template.lang);
    const text = template.source ?? pinned(store?.get(name), pin);
    if (text === undefined) throw notInStore(template, { storeUrl, names: [...(store?.keys() ?? [])] });
    const source = parseSource({ text, folder: fromStore ? undefined : folder });
    if (typeof source === 'string') throw wrongSource(template, text, source);
    const key = JSON.stringify([source.href, source.ref]);
    const pull = pulls.get(key) ?? { source, wanted: [], others: undefined };
    pull.wanted.push(template);
    if (fromStore) pull.others ??= { suffix: pin === undefined ? '' : `@${pin}` };
    pulls.set(key, pull);
  }
  return pulls.values();
}

/** Splits `name@ref` into the name of a template in its repository and the ref. */
function partsOf(lang: string): { readonly name: string; readonly pin: string | undefined } {
  const at = lang.indexOf('@');
  return at === -1 ? { name: lang, pin: undefined } : { name: lang.slice(0, at), pin: lang.slice(at + 1) };
}

const pinned = (repository: string | undefined, pin: string | undefined): string | undefined =>
  pin === undefined ? repository : repository?.replace(/(?:#.*)?$/, () => `#${pin}`);

async function fetchOne({ source, wanted, others }: Pull, options: PullTemplates): Promise<void> {
  const { folder, env, signal, say } = options;
  const from = written(source);
  if (findTool('git') === undefined) throw withoutGit(wanted, from);
  say('fetching', from);
  const work = await temporaryFolder();
  const templates = join(folder, 'template');
  try {
    const checkout = await checkOut({ source, workDir: work.path, env, signal });
    const found = templatesOf(checkout);
    const lacking = wanted.find(({ lang }) => !found.includes(partsOf(lang).name));
    if (lacking) throw notInRepository(lacking, from, found);
    await inStaging(templates, async (staging) => {
      const to = { checkout, source, templates, staging };
      for (const template of wanted) {
        const { lang } = template;
        await place({ ...to, from: partsOf(lang).name, name: lang }).catch((error: unknown) => {
          throw asCommandError(error, { source: from, templates: [template] });
        });
      }
      say('template', `${wanted.map(({ lang }) => lang).join(', ')} at ${checkout.commit.slice(0, 7)}`);
      if (others) await placeOthers({ ...to, found, suffix: others.suffix, say });
    });
  } catch (error) {
    throw asCommandError(error, { source: from, templates: wanted });
  } finally {
    await work.remove();
  }
}

interface PlaceOthers extends Pick<PullTemplates, 'say'> {
  readonly checkout: Checkout;
  readonly source: TemplateSource;
  readonly templates: string;
  readonly staging: string;
  readonly found: readonly string[];
  readonly suffix: string;
}

/** Places the other templates of the repository, as `faas-cli` does for the store. A refused template is left out. */
async function placeOthers({ found, suffix, say, ...to }: PlaceOthers): Promise<void> {
  const taken: string[] = [];
  for (const from of found) {
    const name = `${from}${suffix}`;
    if (await exists(join(to.templates, name))) continue;
    try {
      await place({ ...to, from, name });
      taken.push(name);
    } catch (error) {
      if (!(error instanceof TemplateRefused)) throw error;
      say('left out', `the template '${name}' ${error.message}`);
    }
  }
  if (taken.length > 0) say('template', `also ${taken.join(', ')}`);
}

const stagingPrefix = '.pull-';
/** Age in ms after which a staging folder counts as left by a killed process. */
const leftoverMs = 3_600_000;

/** Runs work with a staging folder in `./template`. Removes that folder, and those that killed processes left behind. */
async function inStaging(templates: string, work: (staging: string) => Promise<void>): Promise<void> {
  await mkdir(templates, { recursive: true });
  for (const name of await readdir(templates)) {
    if (!name.startsWith(stagingPrefix)) continue;
    const path = join(templates, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs > leftoverMs) await rm(path, { recursive: true, force: true });
  }
  const staging = await mkdtemp(join(templates, stagingPrefix));
  try {
    await work(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
    // Removes `./template` if it is empty: it is new and no template was placed.
    await rmdir(templates).catch(() => undefined);
  }
}
