import type { CompletionCommand } from './tree.js';

export const shells = ['bash', 'zsh'] as const;
export type Shell = (typeof shells)[number];

/** Returns a completion script for `slipway`, generated from its commands and options. */
export function completionScript(shell: Shell, tree: readonly CompletionCommand[]): string {
  return shell === 'bash' ? bashScript(tree) : zshScript(tree);
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const known = (tree: readonly CompletionCommand[]): string =>
  tree
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path))
    .join('|');

/** Returns the shell cases for options with a value: the possible values. */
function valueCases(
  tree: readonly CompletionCommand[],
  body: (choices: readonly string[]) => string,
): string {
  return tree
    .flatMap(({ path, options }) =>
      options
        .filter(({ takesValue }) => takesValue)
        .map(
          ({ names, choices }) =>
            `    ${names.map((name) => quoted(`${path}:${name}`)).join('|')}) ${choices ? body(choices) : 'files=1'} ;;`,
        ),
    )
    .join('\n');
}

function bashScript(tree: readonly CompletionCommand[]): string {
  const cases = tree.map(({ path, commands, options, choices }) => {
    const words = [...commands.map(({ name }) => name), ...choices].join(' ');
    const names = options.flatMap((option) => option.names).join(' ');
    return `    ${quoted(path)}) words=${quoted(words)} options=${quoted(names)} ;;`;
  });
  return `# Completion of slipway for bash: source <(slipway completion bash)
_slipway() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local at='' word words='' options='' files=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${at:+$at }$word" in
    ${known(tree)}) at="\${at:+$at }$word" ;;
    esac
  done
  COMPREPLY=()
  case "$at:$previous" in
${valueCases(tree, (choices) => `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$current")); return`)}
  esac
  # The shell completes files where nothing is offered.
  [ -n "$files" ] && return
  case "$at" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}
complete -o default -F _slipway slipway
`;
}

function zshScript(tree: readonly CompletionCommand[]): string {
  /** Formats an entry for `_describe`: name:description, with colons in names escaped. */
  const described = (name: string, description: string) =>
    quoted(`${name.replaceAll(':', '\\:')}:${description.split('\n')[0]?.replaceAll('\\', '') ?? ''}`);
  const cases = tree.map(({ path, commands, options, choices }) => {
    const words = [
      ...commands.map(({ name, description }) => described(name, description)),
      ...choices.map((choice) => quoted(choice)),
    ];
    const names = options.flatMap((option) =>
      option.names.map((name) => described(name, option.description)),
    );
    return `    ${quoted(path)})\n      offered=(${words.join(' ')})\n      options=(${names.join(' ')})\n      ;;`;
  });
  return `#compdef slipway
# Completion of slipway for zsh: source <(slipway completion zsh), after compinit
_slipway() {
  local at='' word files='' previous="\${words[CURRENT-1]}"
  local -a offered options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${at:+$at }$word" in
    ${known(tree)}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at:$previous" in
${valueCases(tree, (choices) => `compadd -- ${choices.map(quoted).join(' ')}; return`)}
  esac
  if [[ -n "$files" ]]; then
    _files
    return
  fi
  case "$at" in
${cases.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o option options
  elif (( \${#offered} )); then
    _describe command offered
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _slipway ]]; then
  _slipway "$@"
else
  compdef _slipway slipway
fi
`;
}
