import { type Row, row, user } from './row.js';

/** Errors of an archive. */
export const archiveErrors = {
  source_corrupt: user(422, 'The archive cannot be read', 'Send a complete tar or tar.gz.'),
  source_path_unsafe: user(422, 'A path is not allowed', 'Use relative paths in UTF-8, without `..`.'),
  source_path_duplicate: user(422, 'A path occurs twice', 'Pack each path once.'),
  source_path_conflict: user(
    422,
    'A path lies below something that is not a folder',
    'Pack folders as folders.',
  ),
  source_link_unsafe: user(
    422,
    'A hard link leaves the archive, or the target of a link is not allowed',
    'Pack each hard link after its target. Symbolic links may point anywhere.',
  ),
  dockerfile_invalid: user(
    422,
    'The source has no usable Dockerfile',
    'Add a file `Dockerfile`, or name its path in the source with the option `dockerfile`. The path may be a link to a file of the source.',
  ),
  ignore_file_invalid: user(
    422,
    'An ignore file is not valid',
    'Correct the line that the message names in `.dockerignore`, or in the ignore file of the Dockerfile.',
  ),
  source_entry_unsupported: user(
    422,
    'An entry is neither file, folder nor link',
    'Leave devices, pipes and sockets out.',
  ),
  source_too_many_files: user(
    422,
    'The archive holds too many entries',
    'Leave out what the build does not need.',
  ),
  source_too_large: user(413, 'The files exceed the size limit', 'Leave out what the build does not need.'),
  source_ratio_exceeded: user(
    422,
    'The compression ratio of the archive is too high',
    'Send it uncompressed.',
  ),
  source_empty: user(422, 'The archive holds no files', 'Pack the build context.'),
  git_url_invalid: user(
    422,
    'The installation does not allow this URL of a git repository',
    'Use an allowed scheme and host, without credentials.',
  ),
  git_ref_not_found: user(422, 'The git repository has no such branch, tag or commit', 'Check `ref`.'),
  git_path_not_found: user(422, 'The folder does not exist at this commit', 'Check `path`.'),
  git_submodules_undecided: user(
    422,
    'The folder of the git repository has submodules',
    'Set `submodules` of the git source to true to fetch them, or to false to leave them out.',
  ),
  git_submodule_invalid: user(
    422,
    'A submodule of the git repository cannot be fetched',
    'Check .gitmodules, or set `submodules` of the git source to false.',
  ),
  git_unauthorized: user(
    422,
    'The git repository needs credentials that this installation does not have',
    'Check the URL, or have credentials for its host configured (GIT_CREDENTIALS_FILE, for ssh GIT_SSH_FILE).',
  ),
  git_host_key_unknown: user(
    422,
    'The host key of the git server is not one of the configured keys',
    'An attacker may intercept the connection. If the server has a new host key, have it verified and added to GIT_SSH_FILE.',
  ),
  git_unreachable: user(422, 'The git repository could not be fetched', 'Check the URL; try again.'),
  git_timed_out: user(
    422,
    'Fetching the git repository took longer than its time limit',
    'Try again, use a smaller repository, or upload the files.',
  ),
  git_memory_exceeded: user(
    422,
    'Git needs more memory than its limit',
    'Leave large files out of the repository, upload the files, or have `GIT_MEMORY_BYTES` raised.',
  ),
  git_busy: row(
    'system',
    'backoff',
    503,
    'Too many git repositories wait to be fetched',
    'Try again in half a minute.',
  ),
  source_busy: row(
    'system',
    'backoff',
    503,
    'A source with the same files is being removed because it was unused',
    'Try again in a minute.',
  ),
} as const satisfies Record<string, Row>;
