import type { Plan, PlannedFunction } from '../stack/plan.js';
import type { Terminal } from '../terminal/terminal.js';
import { bytes, count, shortDigest, table } from '../terminal/text.js';

interface ShowPlan {
  readonly plan: Plan;
  /** One of each source that would be uploaded. */
  readonly missing: readonly PlannedFunction[];
  readonly terminal: Terminal;
  readonly json: boolean;
}

/** What would be uploaded and built. */
export function showPlan({ plan, missing, terminal: { out, err }, json }: ShowPlan): void {
  const lacking = new Set(missing.map(({ source }) => source.digest));
  if (json) {
    for (const fn of plan.functions) {
      const { digest, files, bytes: size } = fn.source;
      out.line(
        JSON.stringify({
          type: 'function',
          ...{ function: fn.function, image: fn.image, build_args: fn.buildArgs, platforms: fn.platforms },
          source: { digest, files, bytes: size, upload: lacking.has(digest) },
        }),
      );
    }
    return;
  }
  const rows = plan.functions.map(({ function: name, image, source }) => [
    name,
    image,
    shortDigest(source.digest),
    bytes(source.bytes),
    lacking.has(source.digest) ? 'upload' : 'there',
  ]);
  for (const row of table([['FUNCTION', 'IMAGE', 'SOURCE', 'SIZE', ''], ...rows])) out.line(row);
  const size = missing.reduce((sum, { source }) => sum + source.bytes, 0);
  err.line(
    `Nothing was submitted. ${count(missing.length, 'source')} would be uploaded${missing.length > 0 ? ` (${bytes(size)})` : ''}.`,
  );
}
