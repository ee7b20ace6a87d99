import { join } from 'node:path';
import { type PartFailure, type Slipway, startSlipway } from '@slipway/local';
import type { EngineName } from '@slipway/shared/contracts';
import type { CommandContext } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { dataFolder } from '../installation/data-folder.js';
import { stopLeftovers } from '../installation/leftovers.js';
import { claimFolder, type RunFile } from '../installation/run-file.js';
import { onInterrupt } from '../interrupts.js';
import type { Screen } from '../terminal/terminal.js';
import { upMessage } from './message.js';
import { lastPorts, rememberPorts, requireFree } from './ports.js';

export interface UpOptions {
  readonly data?: string;
  readonly port?: number;
  readonly registryPort?: number;
  readonly engine?: EngineName;
  readonly builders: number;
  readonly slots: number;
  readonly workers: number;
  readonly json?: boolean;
}

/** Runs a whole Slipway on this machine until it is interrupted or one of its processes ends. */
export async function up(options: UpOptions, { terminal, env }: CommandContext): Promise<ExitCode> {
  const { out, err } = terminal;
  const folder = dataFolder({ given: options.data, env });
  const file = await claim(folder, err);
  const stop = new AbortController();
  const undo = onInterrupt(() => {
    // The child processes are killed with this process.
    if (stop.signal.aborted) process.exit(exitCodes.failed);
    err.line('Stopping. Ctrl-C again kills the remaining processes.');
    stop.abort();
  });
  try {
    const slipway = await start({ folder, file, options, screen: err, signal: stop.signal });
    try {
      if (options.json) out.line(JSON.stringify(summary(slipway, folder)));
      else
        for (const line of upMessage({ slipway, folder, screen: out, slots: options.slots })) out.line(line);
      const failure = await Promise.race([slipway.failed, aborted(stop.signal)]);
      if (!failure) return exitCodes.ok;
      reportFailure(failure, err);
      return exitCodes.failed;
    } finally {
      await slipway.stop();
    }
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.ok;
    throw error;
  } finally {
    undo();
    await file.remove();
  }
}

/** Claims the folder, and stops the processes that a killed earlier run left behind. */
async function claim(folder: string, screen: Screen): Promise<RunFile> {
  const claimed = await claimFolder(folder);
  if (claimed.kind === 'taken') {
    const { up: owner, ready } = claimed.by;
    throw new CommandError({
      message: `a \`slipway up\` (process ${owner.pid}) already uses ${folder}${ready ? `, at ${ready.url}` : ''}`,
      remedy: `Use that one, stop it with \`kill ${owner.pid}\`, or choose another folder with --data.`,
      exitCode: exitCodes.failed,
    });
  }
  for (const { name, pid } of await stopLeftovers(claimed.leftBehind?.parts ?? [])) {
    screen.line(`Stopped ${name} (process ${pid})left behind by a killed run.`);
  }
  return claimed.file;
}

interface Start {
  readonly folder: string;
  readonly file: RunFile;
  readonly options: UpOptions;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

async function start({ folder, file, options, screen, signal }: Start): Promise<Slipway> {
  const { engine, builders, slots, workers, json } = options;
  await requireFree([options.port, options.registryPort]);
  const last = await lastPorts(folder);
  const port = options.port ?? last.api;
  const registryPort = options.registryPort ?? last.registry;
  const recorded: Promise<void>[] = [];
  let slipway: Slipway;
  try {
    slipway = await startSlipway({
      dir: folder,
      ...{ builders, slots, workers, signal },
      ...(engine && { engine }),
      ...(port !== undefined && { port }),
      ...(registryPort !== undefined && { registryPort }),
      onPart(part) {
        recorded.push(file.addPart(part));
        if (!json) showStarted(screen, part.name);
      },
    });
  } catch (error) {
    throw new CommandError({
      message: (error as Error).message,
      remedy: `Read the logs in ${join(folder, 'logs')}.`,
      exitCode: exitCodes.failed,
    });
  } finally {
    if (!json && screen.isTty) screen.write(clearLine);
    await Promise.all(recorded);
  }
  const { url, tokenFile, registry } = slipway;
  await file.setReady({ url, token_file: tokenFile, registry });
  await rememberPorts(folder, { api: Number(new URL(url).port), registry: Number(registry.split(':')[1]) });
  return slipway;
}

const clearLine = '\r\u001b[2K';

/** Prints a started part: a terminal gets one changing line, a file one line each. */
function showStarted(screen: Screen, name: string): void {
  if (screen.isTty) screen.write(`${clearLine}${screen.style('dim', `started ${name}`)}`);
  else screen.line(`started ${name}`);
}

function reportFailure({ part, exit, lines }: PartFailure, screen: Screen): void {
  const { name, pid, logFile } = part;
  screen.line(
    `${screen.style('red', 'error:')} ${name} (process ${pid}) ended with ${exit.signal ?? `code ${exit.code}`}. Its last lines:`,
  );
  for (const line of lines.slice(-15)) screen.line(`  ${line}`);
  screen.line(`Its log: ${logFile}`);
  screen.line('Stopping the rest.');
}

function summary({ url, tokenFile, registry, engine, parts }: Slipway, folder: string) {
  return {
    url,
    token_file: tokenFile,
    registry,
    engine,
    data: folder,
    parts: parts.map(({ name, address, pid, logFile }) => ({ name, address, pid, log_file: logFile })),
  };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
