/** A line of a builder's log without its prefix: `v:` a step, `s:` progress inside a step, `l:` output of a step. */
export interface BuilderLine {
  readonly kind: 'step' | 'status' | 'output';
  readonly text: string;
}

const prefix = /^([vsl]): \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?/;
const kinds = { v: 'step', s: 'status', l: 'output' } as const;

/** The name of a step in a line without prefix. */
const bareStep = /^(?:CACHED |ERROR )?\[(?:[^\][]+ )?(?:\d+\/\d+|internal)\] /;

export function readBuilderLine(raw: string): BuilderLine {
  const match = prefix.exec(raw);
  if (match) return { kind: kinds[match[1] as keyof typeof kinds], text: raw.slice(match[0].length) };
  return { kind: bareStep.test(raw) ? 'step' : 'output', text: raw };
}

/** Splits `npm test 0.35s` into name and seconds. Returns undefined when the text does not end with a time. */
export function splitSeconds(text: string): { name: string; seconds: number } | undefined {
  const match = /^(.*\S) (\d+\.\d+)s$/.exec(text);
  return match ? { name: match[1] ?? '', seconds: Number(match[2]) } : undefined;
}

/** Steps of the builder itself, not of the Dockerfile: loading the Dockerfile, resolving images, exporting. */
export const isInternal = (name: string) =>
  name.startsWith('[internal]') || name.startsWith('[auth]') || isExport(name);

/** Steps that export and push the image. */
export const isExport = (name: string) => /^(?:exporting|pushing|push) /.test(name);
