import type { JobRequest } from '@slipway/client';
import { canonicalImage } from '@slipway/shared/contracts';
import type { Command } from 'commander';
import { annotation, imageLabel, target } from './parse.js';

/** The `docker build` options for one folder as well as for many functions. */
export interface BuildOptionFlags {
  readonly target?: string;
  readonly imageLabel?: Readonly<Record<string, string>>;
  readonly annotation?: Readonly<Record<string, string>>;
  /** False with `--no-cache`. */
  readonly cache: boolean;
  readonly pull?: boolean;
}

/** Adds these options to a command. */
export const buildOptionFlags = (command: Command): Command =>
  command
    .option('--target <stage>', 'the stage of the Dockerfile to build; default: the last one', target)
    .option(
      '--image-label <name=value>',
      'a label of the image, as `docker build --label` sets it; may be repeated',
      imageLabel,
    )
    .option('--annotation <name=value>', "an annotation of the image's manifest; may be repeated", annotation)
    .option('--no-cache', 'run every step again, without cached layers')
    .option('--pull', 'look base images up in their registry even where the builder has them');

export type RequestedOptions = Pick<
  JobRequest,
  'dockerfile' | 'target' | 'image_labels' | 'annotations' | 'no_cache' | 'pull'
>;

/** Returns the fields of a request for these options. */
export const requestedOptions = (
  flags: BuildOptionFlags & { readonly dockerfile?: string },
): RequestedOptions => ({
  ...(flags.dockerfile !== undefined && { dockerfile: flags.dockerfile }),
  ...(flags.target !== undefined && { target: flags.target }),
  ...(flags.imageLabel && { image_labels: flags.imageLabel }),
  ...(flags.annotation && { annotations: flags.annotation }),
  ...(!flags.cache && { no_cache: true }),
  ...(flags.pull && { pull: true }),
});

/** Returns options overridden by others, label by label and annotation by annotation. */
export function overOptions(own: RequestedOptions, given: RequestedOptions): RequestedOptions {
  const labels = { ...own.image_labels, ...given.image_labels };
  const annotations = { ...own.annotations, ...given.annotations };
  return {
    ...own,
    ...given,
    ...(Object.keys(labels).length > 0 && { image_labels: labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

/** Returns the tags without `image` and duplicates, or undefined when there is none. */
export function furtherTags(image: string, tags: readonly string[]): string[] | undefined {
  const spelling = (text: string) => canonicalImage(text) ?? text;
  const seen = new Set([spelling(image)]);
  const further = tags.filter((each) => {
    const isNew = !seen.has(spelling(each));
    seen.add(spelling(each));
    return isNew;
  });
  return further.length === 0 ? undefined : further;
}
