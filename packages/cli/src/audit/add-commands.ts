import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { whole } from '../parse.js';
import { type AuditOptions, audit } from './audit.js';

interface AuditCommandOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds what every command that talks to a server takes, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

export function addAuditCommand({ program, context, onExit, talks }: AuditCommandOptions): void {
  talks(
    program
      .command('audit')
      .summary('show who changed what')
      .description(
        'Shows every request that changed something, and every one that was refused for want of a token or its scope, newest first.\n' +
          'Needs a token with the scope admin.',
      )
      .option('--tenant <name>', 'only what this tenant did')
      .option('--by-token <id>', 'only what was done with this token')
      .option('--operation <id>', 'only this operation, e.g. submitJob, as the OpenAPI document names it')
      .option(
        '--since <time>',
        'only from then on, e.g. 2026-01-31, 2026-01-31T08:00Z, or 2h ago as 2h',
        moment,
      )
      .option('--until <time>', 'only up to then', moment)
      .option('--limit <count>', 'how many', whole({ min: 1, max: 10_000 }), 50)
      .option('--json', 'print JSON, and errors too')
      .action(async (options: AuditOptions) => onExit(await audit(options, context))),
    '\nExamples:\n  slipway audit --since 1d --tenant team-a\n  slipway audit --operation deleteTenant --json\n',
  );
}

const unitMs = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };

/** A date, a time of RFC 3339, or how long ago, as RFC 3339 in UTC. */
function moment(text: string): string {
  const [, number, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms =
    unit === undefined ? Date.parse(text) : Date.now() - Number(number) * unitMs[unit as keyof typeof unitMs];
  if (Number.isNaN(ms) || (unit === undefined && !/^\d{4}-\d\d-\d\d/.test(text))) {
    throw new InvalidArgumentError(
      'It must be a time such as 2026-01-31, 2026-01-31T08:00Z, 30m, 12h or 7d.',
    );
  }
  return new Date(ms).toISOString();
}
