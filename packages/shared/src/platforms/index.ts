/**
 * Platforms in the normal form of containerd/platforms v1, which Docker, BuildKit and buildah use:
 * https://github.com/containerd/platforms. The normal form omits the default variant of amd64 and arm64, and names that of arm.
 */

/** Matches `os/arch`, `os/arch/variant` or `arch`, in any case. `parsePlatform` decides which single words name an architecture. */
export const platformPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}(?:\/[A-Za-z0-9][A-Za-z0-9_.-]{0,31}){0,2}$/;

/** Go's architectures, as containerd lists them. A single word must be one of them. */
const architectures = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ' +
    'ppc riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
);

/** Returns the normal form, e.g. `linux/amd64` for `Linux/x86_64` and for `x86-64`; undefined for an invalid platform. */
export function parsePlatform(text: string): string | undefined {
  if (!platformPattern.test(text)) return undefined;
  const parts = text.toLowerCase().split('/');
  const single = parts.length === 1;
  // Builders run on Linux, so a single architecture means Linux. A single operating system leaves the architecture open.
  const [os = '', arch = '', variant = ''] = single ? ['linux', ...parts] : parts;
  const normal = architecture(arch, variant);
  if (single && !architectures.has(normal.arch)) return undefined;
  return [os === 'macos' ? 'darwin' : os, normal.arch, normal.variant]
    .filter((part) => part !== '')
    .join('/');
}

/** Returns the normal form, or the text itself if it names no platform. */
export function normalPlatform(text: string): string {
  return parsePlatform(text) ?? text;
}

/** The error for a text that `parsePlatform` refuses. */
export const platformRule =
  'must be os/arch, os/arch/variant or an architecture, e.g. linux/amd64, linux/arm/v7 or arm64';

/** Returns an error with two spellings of the same platform in a list; undefined if there are none. */
export function repeatedPlatform(list: readonly string[]): string | undefined {
  const seen = new Map<string, string>();
  for (const text of list) {
    const platform = normalPlatform(text);
    const before = seen.get(platform);
    if (before === text) return `must not name a platform twice: ${JSON.stringify(text)}`;
    if (before !== undefined) {
      return `must not name a platform twice: ${JSON.stringify(before)} and ${JSON.stringify(text)} are ${platform}`;
    }
    seen.set(platform, text);
  }
  return undefined;
}

function architecture(arch: string, variant: string): { arch: string; variant: string } {
  switch (arch) {
    case 'i386':
      return { arch: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { arch: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      return { arch: 'arm64', variant: variant === '8' || variant === 'v8' ? '' : variant };
    case 'armhf':
      return { arch: 'arm', variant: 'v7' };
    case 'armel':
      return { arch: 'arm', variant: 'v6' };
    case 'arm':
      if (variant === '') return { arch, variant: 'v7' };
      return { arch, variant: /^[5678]$/.test(variant) ? `v${variant}` : variant };
    default:
      return { arch, variant };
  }
}
