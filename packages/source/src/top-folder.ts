/**
 * Returns the name of the single folder that contains all of these paths, as in a release archive of a git server; undefined when
 * there is none. The paths are those of a manifest, which lists each folder.
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
