import type { Builder } from '@slipway/client';
import { type ReplicaCondition, replicaCondition } from '@slipway/shared/contracts';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen, Style } from '../terminal/terminal.js';
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
    shown(builder.name === undefined ? builder.url : `${builder.url} (${builder.name})`),
    builder.engine,
    stateOf(builder, screen),
    String(builder.in_flight),
    builder.configured_limit === undefined ? `${builder.limit}, learned` : String(builder.limit),
    String(builder.builds),
    String(builder.refusals),
    String(builder.faults),
  ];
}

const styles: Readonly<Record<ReplicaCondition, Style | undefined>> = {
  down: 'red',
  broken: 'red',
  'circuit open': 'red',
  'circuit probing': 'red',
  draining: 'yellow',
  full: 'yellow',
  up: 'green',
  unknown: undefined,
};

function stateOf(builder: Builder, screen: Screen): string {
  const condition = replicaCondition(builder);
  const style = styles[condition];
  return style === undefined ? condition : screen.style(style, condition);
}
