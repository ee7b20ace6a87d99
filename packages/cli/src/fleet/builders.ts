import type { Builder } from '@slipway/client';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen } from '../terminal/terminal.js';
import { shown, table } from '../terminal/text.js';

/** Shows the replicas. */
export async function builders(options: CommonOptions, { terminal, env }: CommandContext): Promise<ExitCode> {
  const client = await connect({ options, env });
  const list = await client.listBuilders();
  const { out, err } = terminal;
  if (options.json) out.line(JSON.stringify(list));
  else if (list.length === 0) err.line('No builders: no worker has reported any for a minute.');
  else for (const row of table([heading, ...list.map((builder) => rowOf(builder, out))])) out.line(row);
  return exitCodes.ok;
}

interface Steer {
  readonly id: string;
  readonly verb: 'drain' | 'resume';
}

/** Drains a replica or resumes it. */
export async function steer(
  { id, verb }: Steer,
  options: CommonOptions,
  { terminal: { out }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const builder = await client.steerBuilder({ id, verb });
  if (options.json) out.line(JSON.stringify(builder));
  else if (verb === 'resume') out.line(`${id} (${shown(builder.url)}) receives builds again.`);
  else
    out.line(
      `${id} (${shown(builder.url)}) receives no more builds; ${builder.in_flight} are still running on it.`,
    );
  return exitCodes.ok;
}

const heading = ['BUILDER', 'ADDRESS', 'ENGINE', 'STATE', 'BUILDS', 'LIMIT', 'DONE', 'REFUSED', 'FAULTS'];

function rowOf(builder: Builder, screen: Screen): string[] {
  return [
    builder.id,
    shown(builder.url),
    builder.engine,
    stateOf(builder, screen),
    String(builder.in_flight),
    builder.configured_limit === undefined ? `${builder.limit}, learned` : String(builder.limit),
    String(builder.builds),
    String(builder.refusals),
    String(builder.faults),
  ];
}

/** Returns the state that decides whether the replica receives builds. */
function stateOf({ draining, health, readiness, circuit }: Builder, screen: Screen): string {
  if (draining) return screen.style('yellow', 'draining');
  if (health === 'down') return screen.style('red', 'down');
  if (readiness === 'broken') return screen.style('red', 'broken');
  if (readiness === 'draining') return screen.style('yellow', 'draining');
  if (circuit !== 'closed') return screen.style('red', `circuit ${circuit}`);
  if (readiness === 'full') return screen.style('yellow', 'full');
  return health === 'up' ? screen.style('green', 'up') : 'unknown';
}
