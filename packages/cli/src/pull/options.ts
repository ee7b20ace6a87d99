import { Option } from 'commander';
import type { MissingTemplate } from './failures.js';

/** Options of commands that fetch templates. */
export interface PullOptions {
  /** False with `--no-pull`. */
  readonly pullTemplates?: boolean;
  readonly templateStore?: string;
}

/** A separate option: `--pull` is about base images. */
class NoPull extends Option {
  override attributeName(): string {
    return 'pullTemplates';
  }
}

export const noPull = () => new NoPull('--no-pull', 'refuse to fetch templates that are not in ./template');
export const templateStore = () =>
  new Option(
    '--template-store <url>',
    'the list for templates without a source; default: OPENFAAS_TEMPLATE_STORE_URL, else the list of the OpenFaaS community',
  );

interface Puller {
  readonly options: PullOptions;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly say: (step: string, text: string) => void;
}

/** Returns a function that fetches missing templates into `./template`, or refuses to. The fetching code is loaded only if needed. */
export function puller({ options, ...rest }: Puller) {
  return async (missing: readonly MissingTemplate[]): Promise<void> => {
    if (options.pullTemplates === false) (await import('./failures.js')).refusePull(missing);
    const [{ pullTemplates }, { storeUrl }] = await Promise.all([
      import('./pull-templates.js'),
      import('./store.js'),
    ]);
    await pullTemplates({ ...rest, missing, storeUrl: storeUrl(options.templateStore, rest.env) });
  };
}
