import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from './program.js';
import type { Screen } from './terminal/terminal.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const textOf = (path: string) => readFileSync(join(root, path), 'utf8');
const filesIn = (folder: string, end: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end) && !name.includes('node_modules'))
    .map((name) => join(folder, name));

/** Parses a command line, without running the command. Rejects when the command does not exist or does not take these arguments. */
async function parse(words: readonly string[]): Promise<void> {
  const messages: string[] = [];
  const screen: Screen = {
    ...{ isTty: false, columns: 200, style: (_style, text) => text },
    ...{ write: (text) => void messages.push(text), line: (text = '') => void messages.push(text) },
  } as Screen;
  const program = createProgram({
    context: { terminal: { out: screen, err: screen }, env: {} } as never,
    onExit: () => undefined,
  });
  const disarm = (command: Command) => {
    if (command.commands.length === 0) command.action(() => undefined);
    command.commands.forEach(disarm);
  };
  disarm(program);
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    // Such as --help.
    if (error instanceof CommanderError && error.exitCode === 0) return;
    throw new Error(`slipway ${words.join(' ')}: ${messages.join('\n') || error}`);
  }
}

/** Returns the words of a shell command up to a pipe, a redirection or a comment. Quotes are removed. */
const wordsOf = (line: string) =>
  [...line.replace(/\s(?:[|>#&;]|2>).*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );

const start = /^ *(?:\$ )?(?:[A-Z_]+=\S+ )?(?:npm run slipway -- |slipway )(.*)$/;

/** Returns the commands of the code blocks of a Markdown file. */
function blockCommands(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```[^\n]*\n(.*?)^ *```/gms)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.replace(/ *\\\n */g, ' ').split('\n'));
  return lines.flatMap((line) => start.exec(line)?.[1] ?? []);
}

describe('the command line takes', () => {
  it('the commands that the dashboard shows', async () => {
    const commands = filesIn('packages/dashboard/src', '.tsx').flatMap((path) =>
      [...textOf(path).matchAll(/<code>slipway ([^<]+)<\/code>/g)].map(([, command = '']) => command),
    );
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) await parse(wordsOf(command));
  });

  it('the commands in code blocks of the documents', async () => {
    const documents = [
      'README.md',
      ...['docs', 'examples', 'deploy'].flatMap((folder) => filesIn(folder, '.md')),
    ];
    const commands = documents.flatMap((path) => blockCommands(textOf(path)));
    expect(commands.length).toBeGreaterThan(25);
    for (const command of commands) await parse(wordsOf(command));
  });

  it('no command that does not exist, and no option that a command does not have', async () => {
    await expect(parse(['nothing'])).rejects.toThrow('unknown command');
    await expect(parse(['publish', '--nothing'])).rejects.toThrow('unknown option');
    await expect(parse(['build', 'x', 'y'])).rejects.toThrow('too many arguments');
  });
});
