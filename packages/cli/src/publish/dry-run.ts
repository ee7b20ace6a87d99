import { count, formatBytes, shortDigest } from '@slipway/shared/formatting';
import type { Part } from '../stack/layers.js';
import type { Plan } from '../stack/plan.js';
import type { Terminal } from '../terminal/terminal.js';
import { table } from '../terminal/text.js';
import { sourceOf } from './upload.js';

interface ShowPlan {
  readonly plan: Plan;
  /** The distinct sources that would be uploaded. */
  readonly missing: readonly Part[];
  readonly terminal: Terminal;
  readonly json: boolean;
}

/** Prints the uploads and builds that `publish` would do. */
export function showPlan({ plan, missing, terminal: { out, err }, json }: ShowPlan): void {
  const lacking = new Set(missing.map(({ source }) => source.digest));
  if (json) {
    for (const fn of plan.functions) {
      const shownPart = ({ source: { digest, files, bytes: size } }: Part) => ({
        ...{ digest, files, bytes: size, upload: lacking.has(digest) },
      });
      out.line(
        JSON.stringify({
          type: 'function',
          ...{ function: fn.function, image: fn.image, build_args: fn.buildArgs, platforms: fn.platforms },
          ...(fn.tags && { tags: fn.tags }),
          ...fn.options,
          source: shownPart(sourceOf(fn)),
          ...(fn.layers && {
            template: { name: fn.layers.template.name, ...shownPart(fn.layers.template) },
          }),
        }),
      );
    }
    return;
  }
  const rows = plan.functions.map((fn) => {
    const { source } = sourceOf(fn);
    const upload = lacking.has(source.digest) ? 'upload' : 'there';
    return [fn.function, fn.image, shortDigest(source.digest), formatBytes(source.bytes), upload];
  });
  for (const row of table([['FUNCTION', 'IMAGE', 'SOURCE', 'SIZE', ''], ...rows])) out.line(row);
  const size = missing.reduce((sum, { source }) => sum + source.bytes, 0);
  err.line(
    `Nothing was submitted. ${count(missing.length, 'source')} would be uploaded${missing.length > 0 ? ` (${formatBytes(size)})` : ''}.`,
  );
}
