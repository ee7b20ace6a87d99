import { z } from 'zod';

/**
 * The rules of `git check-ref-format --allow-onelevel`, and no `-` in front, which git would take for an option. No component is
 * empty, begins with `.` or ends with `.lock`. No `..` or `@{`, no `.` at the end, not `@` alone, and no space, control character
 * or `~^:?*[\`.
 */
const refPattern =
  /^(?!-)(?!@$)(?![^\0]*(?:\.\.|@\{|\.lock(?:\/|$)))(?!(?:[^\0]*\/)?[./])[^\0-\x20\x7f~^:?*[\\]+(?<![./])$/;

/** Refuses paths that leave their folder, and paths that git or a Windows program would parse differently. */
const innerPattern = /^(?!(?:[^\0]*\/)?\.\.(?:\/|$))[^\0\\]+$/;

/** A path within a source or repository. The output has no `.` and no empty segments, and is empty for the root. */
export const innerPathSchema = z
  .string()
  .max(255)
  .regex(innerPattern, 'must be a path inside of the source, without `..` or backslashes')
  .overwrite((text) =>
    text
      .split('/')
      .filter((segment) => segment !== '' && segment !== '.')
      .join('/'),
  );

const fields = z.strictObject({
  url: z
    .string()
    .min(1)
    .max(2048)
    .describe(
      'Of the repository, over a scheme that the installation allows. Over ssh it is `ssh://git@host/owner/repository.git` or `git@host:owner/repository.git`',
    ),
  ref: z
    .string()
    .max(255)
    .regex(refPattern, 'must be a branch, a tag, a full name such as refs/pull/7/head, or a whole commit id')
    .optional()
    .describe(
      "A branch, a tag, a full name such as `refs/pull/7/head` or a whole commit id; the repository's default branch unless given",
    ),
  path: innerPathSchema.optional().describe('The folder of the repository to use as the source'),
  submodules: z
    .boolean()
    .optional()
    .describe(
      'True fetches the submodules of the folder, false leaves them out. Without a value, a folder with submodules is refused',
    ),
});
/** Removes the path when it is the root. */
const withoutRoot = <T extends { path?: string | undefined }>({ path, ...rest }: T): T =>
  ({ ...rest, ...(path && { path }) }) as T;

/** A folder of a git repository, as the caller requests it. */
export const gitSchema = fields.overwrite(withoutRoot).meta({ id: 'GitReference' });

/** The folder with the commit that Slipway fetched. */
export const takenGitSchema = fields
  .extend({ commit: z.string() })
  .overwrite(withoutRoot)
  .meta({ id: 'GitCommit' });

export type GitSource = z.output<typeof gitSchema>;
