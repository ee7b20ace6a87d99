import type { Batch, Client } from '@slipway/client';
import { Interrupted, type Interruption } from '../build/interruption.js';
import type { ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal/terminal.js';
import { BatchProgress } from './progress.js';
import { reportBatch } from './report.js';
import { createView } from './view.js';

interface Watch {
  readonly id: string;
  readonly client: Client;
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly interruption: Interruption;
  /** The first Ctrl-C cancels the batch, or only ends this command. */
  readonly interrupt: 'cancel' | 'leave';
}

/**
 * Shows a batch until it has ended, and reports it. A Ctrl-C that cancels the batch waits for its end; a second one rejects with
 * `Interrupted`.
 */
export async function watchBatch(options: Watch): Promise<ExitCode> {
  const { id, client, terminal, json, quiet, interruption, interrupt } = options;
  const view = createView({ terminal, client, json, quiet });
  const leave = new AbortController();
  let canceling: Promise<unknown> = Promise.resolve();
  interruption.onInterrupt((times) => {
    if (times > 1 || interrupt === 'leave') {
      leave.abort(new Interrupted(`Left ${id}, which continues. Watch it again: slipway batch watch ${id}`));
      return;
    }
    view.note(`Canceling ${id}. Ctrl-C again leaves without waiting.`);
    // The batch may have ended at the same moment; any other error ends the wait.
    canceling = client.cancelBatch({ id }).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== 'batch_not_cancelable') leave.abort(error);
    });
  });
  let batch: Batch | undefined;
  try {
    batch = await follow({ ...options, view, signal: leave.signal });
  } finally {
    view.close();
  }
  await canceling;
  return reportBatch({ batch, client, terminal, json });
}

interface Follow extends Pick<Watch, 'id' | 'client'> {
  readonly view: ReturnType<typeof createView>;
  readonly signal: AbortSignal;
}

async function follow({ id, client, view, signal }: Follow): Promise<Batch> {
  const progress = new BatchProgress();
  for await (const event of client.followBatch({ id, signal })) {
    const job = progress.add(event);
    if (job) view.ended(job, progress);
    view.update(progress);
  }
  return progress.batch?.state === 'finished' ? progress.batch : client.waitForBatch({ id, signal });
}
