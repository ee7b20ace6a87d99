import { posix } from 'node:path';
import type { Template } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { parseUntrustedYaml } from '@slipway/shared/yaml';
import { z } from 'zod';

/** The settings of a template.yml that matter to a build, and the origin of the template. */
export type TemplateSettings = Pick<Template, 'handler_folder' | 'build_options' | 'origin'>;

/** Limit of a template.yml. Real ones have a few hundred bytes, and the time to parse a hostile one grows with the square of its size. */
export const maxYamlBytes = 16 * 1024;

/** Limit of aliases. The parser counts the content of an alias at each use, so a low limit is enough. */
const maxAliases = 20;

/** Limit of build options as JSON: more than a template.yml without aliases can hold. */
const maxOptionBytes = 2 * maxYamlBytes;

/** A payload has room for 155 bytes of folders, including `context/`. */
const maxFolderBytes = 147;

const defaultFolder = 'function';

/** The keys that Slipway reads. Other keys are for other tools (`language`, `fprocess`, `welcome_message`, …). */
const yamlSchema = z.object({
  handler_folder: z
    .string()
    .nullish()
    .transform((given, context) => {
      const folder = cleanFolder(given);
      if (folder === undefined) context.addIssue({ code: 'custom', message: 'must stay in the template' });
      return folder ?? '';
    })
    .refine(
      (folder) => Buffer.byteLength(folder) <= maxFolderBytes,
      `must have ${maxFolderBytes} bytes at most`,
    ),
  build_options: z
    .array(
      z.object({
        name: z.string().min(1).max(128),
        packages: z
          .array(z.string().min(1).max(256))
          .max(1_000)
          .nullish()
          .transform((list) => list ?? []),
      }),
    )
    .max(256)
    .nullish()
    .transform((list) => list ?? []),
});

/** Returns the folder as faas-cli resolves it: nothing means `function`, `.` means the root. Undefined when it leaves the template. */
function cleanFolder(given: string | null | undefined): string | undefined {
  if (given === undefined || given === null || given === '') return defaultFolder;
  const folder = posix.normalize(given).replace(/^\/+|\/+$/g, '');
  if (folder === '.' || folder === '') return '';
  return /^\.\.(?:\/|$)|[\0\\]/.test(folder) ? undefined : folder;
}

/** Returns the settings of a template.yml. Throws `template_invalid` with the place and the fault. */
export function parseTemplateYaml(bytes: Uint8Array): TemplateSettings {
  const result = yamlSchema.safeParse(parseYaml(bytes) ?? {});
  if (result.success) {
    const optionBytes = Buffer.byteLength(JSON.stringify(result.data.build_options));
    if (optionBytes <= maxOptionBytes) return result.data;
    throw invalid(
      `template.yml: build_options take ${optionBytes} bytes as JSON, more than ${maxOptionBytes}`,
    );
  }
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw invalid(`template.yml: ${path === '' ? 'it' : path} ${issue?.message ?? 'is wrong'}`);
}

function parseYaml(bytes: Uint8Array): unknown {
  try {
    return parseUntrustedYaml(bytes, { maxAliasCount: maxAliases });
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : '').split('\n');
    throw invalid(`template.yml cannot be read: ${line}`, error);
  }
}

function invalid(detail: string, cause?: unknown): SlipwayError {
  return new SlipwayError('template_invalid', detail, { cause });
}
