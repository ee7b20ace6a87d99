import type { AuditEntry, Client, ListAuditQuery } from '@slipway/client';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen } from '../terminal/terminal.js';
import { clip, shown, table } from '../terminal/text.js';

export interface AuditOptions extends CommonOptions {
  readonly tenant?: string;
  readonly byToken?: string;
  readonly operation?: string;
  /** RFC 3339, UTC. */
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

/** Shows the audit log, newest first. */
export async function audit(options: AuditOptions, { terminal, env }: CommandContext): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { out, err } = terminal;
  const { entries, more } = await read(client, options);
  if (options.json) out.line(JSON.stringify(entries));
  else if (entries.length === 0) err.line('The audit log has no matching entry.');
  else {
    for (const row of table([heading, ...entries.map((entry) => rowOf(entry, out))])) out.line(row);
    if (more) err.line(err.style('dim', `The latest ${entries.length}; --limit shows more.`));
  }
  return exitCodes.ok;
}

const pageSize = 200;

/** Reads pages until the limit is reached: a page may hold fewer entries than asked for. */
async function read(
  client: Client,
  options: AuditOptions,
): Promise<{ entries: AuditEntry[]; more: boolean }> {
  const { tenant, byToken, operation, since, until, limit } = options;
  const filter: ListAuditQuery = {
    ...(tenant !== undefined && { tenant }),
    ...(byToken !== undefined && { token: byToken }),
    ...(operation !== undefined && { operation }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
  const entries: AuditEntry[] = [];
  let cursor: string | undefined;
  do {
    const left = Math.min(pageSize, limit - entries.length);
    const query = { ...filter, limit: left, ...(cursor !== undefined && { cursor }) };
    const page = await client.listAudit({ query });
    entries.push(...page.entries);
    cursor = page.next_cursor;
  } while (cursor !== undefined && entries.length < limit);
  return { entries, more: cursor !== undefined };
}

const heading = ['WHEN', 'TENANT', 'TOKEN', 'WHAT', 'RECORDS', 'OUTCOME', 'FROM'];
const widestRecords = 64;

function rowOf(entry: AuditEntry, screen: Screen): string[] {
  const { at, tenant = '-', token = '-', operation, method, path, records, status, code, address } = entry;
  const outcome = status === 0 ? 'left' : `${status}${code === undefined ? '' : ` ${code}`}`;
  return [
    at.replace(/\.\d+Z$/, 'Z'),
    shown(tenant),
    shown(token),
    shown(operation ?? clip(`${method} ${path}`, widestRecords)),
    clip(shown(records.join(' ')) || '-', widestRecords),
    status >= 400 ? screen.style('red', shown(outcome)) : shown(outcome),
    shown(address),
  ];
}
