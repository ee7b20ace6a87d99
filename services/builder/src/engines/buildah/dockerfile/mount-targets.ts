import { posix } from 'node:path';
import {
  type Environment,
  linesOf,
  type PlacedInstruction,
  parseDockerfile,
  Scope,
} from '@slipway/shared/dockerfile';
import { ownPlatform } from '../../platform.js';

/** The state at the start of a stage: its working folder and variables. */
export interface StageStart {
  /** Undefined where it is unknown. */
  readonly workingDir: string | undefined;
  readonly environment: Environment;
}

interface TargetsOptions {
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly heredocs: boolean;
  /** The start state of the known base images, by the name in FROM. */
  readonly bases: ReadonlyMap<string, StageStart>;
}

/** A Dockerfile with more stages is left as it is. */
const maxStages = 1_000;
/** A stage that sets more is unknown to the stages on it. */
const maxVariables = 1_000;
const maxPath = 4_096;
/** A longer line is left as it is: regular expressions would take too much memory for it. */
const maxLine = 65_536;

const unknown: StageStart = {
  workingDir: undefined,
  environment: { values: new Map(), isComplete: false },
};
const scratch: StageStart = { workingDir: '/', environment: { values: new Map(), isComplete: true } };

/**
 * Returns the Dockerfile with absolute targets of all mounts. buildah before 1.29 refuses a target that is relative to the working folder, and
 * before 1.38 one without any working folder. A target stays as it is where the working folder is unknown: that of a base image which is one of
 * several by platform, or a WORKDIR with variables of such an image.
 */
export function withAbsoluteTargets({ dockerfile, buildArgs, heredocs, bases }: TargetsOptions): string {
  const lines = linesOf(dockerfile);
  const parsed = parseDockerfile(dockerfile, { heredocs, joinsEscaped: true });
  if (parsed.instructions.filter(({ keyword }) => keyword === 'FROM').length > maxStages) return dockerfile;
  const scope = new Scope(parsed, { buildArgs, platform: { target: ownPlatform, build: ownPlatform } });
  const stages = new Map([['scratch', scratch]]);
  let stage = '';
  let folder: string | undefined;
  let isChanged = false;
  for (const instruction of parsed.instructions) {
    const { keyword, rest } = instruction;
    if (keyword === 'ARG' || keyword === 'ENV') scope.assign(keyword, rest);
    else if (keyword === 'WORKDIR') folder = inside(folder, scope.expand(rest.trim()));
    else if (keyword === 'RUN') isChanged = makeAbsolute(lines, instruction, folder) || isChanged;
    else if (keyword === 'FROM') {
      const { environment } = scope;
      const isKnown = environment.values.size <= maxVariables;
      if (stage !== '') stages.set(stage, isKnown ? { workingDir: folder, environment } : unknown);
      const [from = '', as = '', name = ''] = rest.split(/[\t\v\f\r ]+/, 3);
      const base = scope.expandGlobal(from) ?? '';
      const start = stages.get(base.toLowerCase()) ?? bases.get(base) ?? unknown;
      folder = start.workingDir;
      scope.beginStage(start.environment);
      stage = as.toLowerCase() === 'as' ? name.toLowerCase() : '';
    }
  }
  return isChanged ? lines.join('\n') : dockerfile;
}

/** Returns the folder that WORKDIR leads to, or undefined if it is unknown. */
function inside(folder: string | undefined, path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  if (folder === undefined && !posix.isAbsolute(path)) return undefined;
  const found = posix.resolve(folder ?? '/', path);
  return found.length > maxPath ? undefined : found;
}

/** The flags in front of a command, on one line: whole words, of which quotes may hold white space. */
const flags = /(?:--(?:"[^"]*"|'[^']*'|[^\s"'])*[ \t]*)*/y;
const target = /((?:^|[,=])["']?(?:target|dst|destination)=["']?)([^,"'\s]+)/gi;

/** Changes the lines of an instruction up to the first word that is no flag. Returns whether it changed any. */
function makeAbsolute(
  lines: string[],
  { first, last }: PlacedInstruction,
  folder: string | undefined,
): boolean {
  let isChanged = false;
  if (folder === undefined) return isChanged;
  for (let at = first; at <= last; at++) {
    const line = lines[at] ?? '';
    if (line.length > maxLine) break;
    const begin = /^\s*(?:RUN(?=\s)\s*)?/i.exec(line)?.[0].length ?? 0;
    flags.lastIndex = begin;
    const text = flags.exec(line)?.[0] ?? '';
    const changed = text.replace(mount, (flag) => absolute(flag, folder));
    isChanged ||= changed !== text;
    const rest = line.slice(begin + text.length);
    lines[at] = line.slice(0, begin) + changed + rest;
    if (!/^\s*(?:$|[\\`#])/.test(rest)) break;
  }
  return isChanged;
}

const mount = /--mount=(?:"[^"]*"|'[^']*'|[^\s"'])*/gi;

/** Secrets and sockets of agents are mounted below folders of their own, not in the working folder. */
function absolute(flag: string, folder: string): string {
  if (/[,=]["']?type=(?:secret|ssh)/i.test(flag)) return flag;
  return flag.replace(target, (whole, key: string, path: string) =>
    /^[/$]/.test(path) ? whole : `${key}${posix.resolve(folder, path)}`,
  );
}
