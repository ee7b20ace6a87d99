/** `1 job`, `2 jobs`, `1,204 jobs`; `plural` where an s is not enough. */
export function count(much: number, one: string, plural = `${one}s`): string {
  return `${much.toLocaleString('en')} ${much === 1 ? one : plural}`;
}

/** A share of one as whole percent. What is not all is not called 100 %, and what is not nothing not 0 %. */
export function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1%';
  if (share < 1 && share > 0.99) return '99%';
  return `${Math.round(share * 100)}%`;
}
