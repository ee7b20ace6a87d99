import { Option } from 'commander';
import type { MissingTemplate } from './failures.js';

/** What commands take that fetch templates. */
export interface PullOptions {
  /** False with `--no-pull`. */
  readonly pullTemplates?: boolean;
  readonly templateStore?: string;
}

/** An option of its own: `--pull` is about base images. */
class NoPull extends Option {
  override attributeName(): string {
    return 'pullTemplates';
  }
}

export const noPull = () => new NoPull('--no-pull', 'refuse to fetch templates that are not in ./template');
export const templateStore = () =>
  new Option(
    '--template-store <url>',
    'the list that templates without a source are looked up in; default: OPENFAAS_TEMPLATE_STORE_URL, else that of the OpenFaaS community',
  );

interface Puller {
  readonly options: PullOptions;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly say: (step: string, text: string) => void;
}

/** Returns what puts missing templates into `./template`, or refuses to. What fetches is loaded only for that. */
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
