import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runForOutput } from '@slipway/shared/processes';

/**
 * Writes a build context into an empty folder, for an image of this machine's own Node: the program, its shared libraries
 * as `ldd` lists them, and the users of the official image. Linux only.
 */
export async function writeNodeContext(folder: string): Promise<void> {
  const libraries = await sharedLibraries(process.execPath);
  const put = async (from: string, to: string) => {
    await mkdir(dirname(join(folder, 'root', to)), { recursive: true });
    await copyFile(from, join(folder, 'root', to));
  };
  await put(process.execPath, '/usr/local/bin/node');
  for (const library of libraries) await put(library, library);
  const text = async (path: string, content: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  await text(
    'root/etc/passwd',
    'root:x:0:0:root:/root:/bin/false\nnode:x:1000:1000::/home/node:/bin/false\n',
  );
  await text('root/etc/group', 'root:x:0:\nnode:x:1000:\n');
  // The libraries keep their paths. LD_LIBRARY_PATH replaces the loader's cache, which is not in the image.
  const folders = [...new Set(libraries.map((library) => dirname(library)))];
  await text(
    'Dockerfile',
    [
      'FROM scratch',
      'COPY root/ /',
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      ...(folders.length > 0 ? [`ENV LD_LIBRARY_PATH=${folders.join(':')}`] : []),
      'CMD ["node"]',
      '',
    ].join('\n'),
  );
}

/** Returns the absolute paths of a program's shared libraries and its loader; none for a static program. */
async function sharedLibraries(program: string): Promise<string[]> {
  const child = { command: 'ldd', args: [program], env: process.env, killGraceMs: 0 };
  const { code, stdout, stderr } = await runForOutput({ ...child, maxOutputBytes: 64 * 1024 });
  if (code === 0) return librariesIn(stdout.toString());
  // The output of ldd for a static program, with glibc and with musl.
  if (/not a dynamic executable|Not a valid dynamic program/.test(stderr.toString())) return [];
  throw new Error(`ldd ${program}: ${stderr.toString().trim()}`);
}

/** Returns the paths in the output of ldd: `libm.so.6 => /lib/…/libm.so.6 (0x…)`, or only the path for the loader. */
export function librariesIn(listing: string): string[] {
  const paths = listing.split('\n').map((line) => /^\s*(?:\S+ => )?(\/\S+)/.exec(line)?.[1]);
  return [...new Set(paths.filter((path) => path !== undefined))];
}
