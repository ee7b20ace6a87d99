/**
 * Returns the name of the folder that all of these paths lie in, as in an archive that a git server makes of a release; undefined when
 * there is none. The paths are those of a manifest: each folder is one of them.
 */
export function singleTopFolder(paths: Iterable<string>): string | undefined {
  let top: string | undefined;
  let isFolder = false;
  for (const path of paths) {
    const [name = ''] = path.split('/', 1);
    if (top !== undefined && top !== name) return undefined;
    top = name;
    isFolder ||= path.length > name.length;
  }
  return isFolder ? top : undefined;
}
