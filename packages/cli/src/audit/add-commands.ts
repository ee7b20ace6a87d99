import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../command-context.js';
import type { ExitCode } from '../exit-codes.js';
import { whole } from '../parse.js';
import { type AuditOptions, audit } from './audit.js';

interface AuditCommandOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
  /** Adds the options of every command that calls the API, and examples to its help. */
  readonly talks: (command: Command, examples?: string) => Command;
}

export function addAuditCommand({ program, context, onExit, talks }: AuditCommandOptions): void {
  talks(
    program
      .command('audit')
      .summary('show the audit log')
      .description(
        'Shows every request that changed something, and every request refused for a missing token or scope, newest first.\n' +
          'Needs a token with the scope admin.',
      )
      .option('--tenant <name>', 'only requests of this tenant')
      .option('--by-token <id>', 'only requests with this token')
      .option('--operation <id>', 'only this operation, e.g. submitJob, as the OpenAPI document names it')
      .option(
        '--since <time>',
        'only from this time on, e.g. 2026-01-31, 2026-01-31T08:00Z, or 2h for two hours ago',
        moment,
      )
      .option('--until <time>', 'only up to this time', moment)
      .option('--limit <count>', 'how many', whole({ min: 1, max: 10_000 }), 50)
      .option('--json', 'print JSON, and errors too')
      .action(async (options: AuditOptions) => onExit(await audit(options, context))),
    '\nExamples:\n  slipway audit --since 1d --tenant team-a\n  slipway audit --operation deleteTenant --json\n',
  );
}

const unitMs = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };

/** Parses a date, a time of RFC 3339 or an age, and returns RFC 3339 in UTC. */
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
