/** Returns the beginning of a digest, enough to identify it: `sha256:1f2e3d4c5b6a` → `1f2e3d4c5b6a`. */
export function shortDigest(digest: string): string {
  return (digest.split(':').at(-1) ?? digest).slice(0, 12);
}

/** Returns the short name of an image: `registry.example.com:5000/team/app:1.2` → `team/app`. */
export function imageName(image: string): string {
  const [path = image] = image.split('@');
  const parts = path.split('/');
  const [first = ''] = parts;
  const withoutHost =
    parts.length > 1 && (first.includes('.') || first.includes(':') || first === 'localhost')
      ? parts.slice(1)
      : parts;
  const last = withoutHost.pop() ?? '';
  return [...withoutHost, last.replace(/:.*$/, '')].join('/');
}
