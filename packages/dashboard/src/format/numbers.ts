/** Formats a count: `1 job`, `2 jobs`, `1,204 jobs`. `plural` is for irregular plurals. */
export function count(much: number, one: string, plural = `${one}s`): string {
  return `${much.toLocaleString('en')} ${much === 1 ? one : plural}`;
}

/** Formats a share of 1 as whole percent. Only 1 becomes 100 %, and only 0 becomes 0 %. */
export function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1%';
  if (share < 1 && share > 0.99) return '99%';
  return `${Math.round(share * 100)}%`;
}
