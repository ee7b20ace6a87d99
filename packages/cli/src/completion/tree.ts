import type { Command } from 'commander';

interface CompletionOption {
  /** `--tag`, and `-t` if the option has a short name. */
  readonly names: readonly string[];
  readonly takesValue: boolean;
  /** Allowed values; undefined when any value is allowed. */
  readonly choices: readonly string[] | undefined;
  readonly description: string;
}

/** A command, by the words that lead to it, and its possible next words. */
export interface CompletionCommand {
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletionOption[];
  /** Allowed values of the command's argument, if limited. */
  readonly choices: readonly string[];
}

/** Returns all commands of a program with their possible next words, the program itself first. */
export function completionTree(program: Command): CompletionCommand[] {
  const visit = (command: Command, path: string): CompletionCommand[] => {
    const help = command.createHelp();
    const children = help.visibleCommands(command);
    return [
      {
        path,
        commands: children.map((child) => ({
          name: child.name(),
          description: child.summary() || child.description(),
        })),
        options: help.visibleOptions(command).map((option) => ({
          names: [option.long, option.short].filter((name) => name !== undefined && name !== null),
          takesValue: option.required || option.optional,
          choices: option.argChoices,
          description: option.description,
        })),
        choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
      },
      ...children.flatMap((child) => visit(child, path === '' ? child.name() : `${path} ${child.name()}`)),
    ];
  };
  return visit(program, '');
}
