import { COMMON, type Command, DONE, UsageError } from '../command.ts';
import { COMMANDS } from '../commands.ts';

export const completion: Command = {
  usage: '<bash|zsh|fish>',
  arity: [1, 1],
  about: 'Prints a completion script for the shell.',
  examples: [
    ['source <(sallyport completion bash)', 'for this bash; put it into ~/.bashrc for all'],
    ['sallyport completion zsh > ~/.zfunc/_sallyport', 'for zsh, where fpath names ~/.zfunc'],
    ['sallyport completion fish > ~/.config/fish/completions/sallyport.fish', 'for fish'],
  ],
  async run({ terminal, args }) {
    const words = await allWords();
    const [shell] = args;
    if (shell === 'bash') terminal.write(bash(words));
    else if (shell === 'zsh') terminal.write(zsh(words));
    else if (shell === 'fish') terminal.write(fish(words));
    else throw new UsageError('The shell is one of bash, zsh, fish');
    return DONE;
  },
};

type Words = { name: string; summary: string; options: readonly string[] };

async function allWords(): Promise<Words[]> {
  return Promise.all(
    COMMANDS.map(async ({ name, summary, load }) => {
      const { options } = await load();
      return { name, summary, options: Object.keys({ ...options, ...COMMON }).map((option) => `--${option}`) };
    }),
  );
}

const firstWords = (words: readonly Words[]): string[] => [...new Set(words.map(({ name }) => name.split(' ')[0]!))];

function secondWords(words: readonly Words[]): [string, string[]][] {
  const groups = Map.groupBy(
    words.filter(({ name }) => name.includes(' ')),
    ({ name }) => name.split(' ')[0]!,
  );
  return [...groups].map(([first, members]) => [first, members.map(({ name }) => name.split(' ')[1]!)]);
}

function bash(words: readonly Words[]): string {
  const seconds = secondWords(words).map(([first, members]) => `    ${first}) words="${members.join(' ')}" ;;`);
  const options = words.map(({ name, options }) => `    "${name}") words="${options.join(' ')}" ;;`);
  return `_sallyport() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" one="\${COMP_WORDS[1]}" two="\${COMP_WORDS[2]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="${firstWords(words).join(' ')} --help --version"
  elif [[ "$cur" == -* ]]; then case "$one $two" in
${options.filter((line) => /^ {4}"\S+ \S+"/.test(line)).join('\n')}
    *) case "$one" in
${options.filter((line) => /^ {4}"\S+"\)/.test(line)).join('\n')}
    esac ;;
  esac
  elif [ "$COMP_CWORD" -eq 2 ]; then case "$one" in
${seconds.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ -z "$words" ] && COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _sallyport sallyport
`;
}

function zsh(words: readonly Words[]): string {
  const first = words
    .filter(({ name }) => !name.includes(' '))
    .map(({ name, summary }) => `'${name}:${escapeZsh(summary)}'`);
  const groups = secondWords(words).map(([name, members]) => `'${name}:${members.join(', ')}'`);
  const seconds = words
    .filter(({ name }) => name.includes(' '))
    .map(
      ({ name, summary }) => `    "${name.split(' ')[0]}") seconds+=('${name.split(' ')[1]}:${escapeZsh(summary)}') ;|`,
    );
  return `#compdef sallyport
_sallyport() {
  local -a firsts seconds
  firsts=(${[...first, ...groups].join(' ')})
  if (( CURRENT == 2 )); then _describe command firsts; return; fi
  case "$words[2]" in
${seconds.join('\n')}
  esac
  if (( CURRENT == 3 )) && (( $#seconds )); then _describe command seconds; else _files; fi
}
compdef _sallyport sallyport
`;
}

function escapeZsh(text: string): string {
  return text.replaceAll("'", '’').replaceAll(':', '\\:');
}

function fish(words: readonly Words[]): string {
  const lines = words.map(({ name, summary }) => {
    const [first, second] = name.split(' ');
    const about = summary.replaceAll("'", '’');
    if (second === undefined) return `complete -c sallyport -n __fish_use_subcommand -f -a ${first} -d '${about}'`;
    return `complete -c sallyport -n '__fish_seen_subcommand_from ${first}' -f -a ${second} -d '${about}'`;
  });
  const groups = secondWords(words).map(
    ([first, members]) => `complete -c sallyport -n __fish_use_subcommand -f -a ${first} -d '${members.join(', ')}'`,
  );
  const options = words.flatMap(({ name, options }) =>
    options.map(
      (option) => `complete -c sallyport -n '__fish_seen_subcommand_from ${name.split(' ')[0]}' -l ${option.slice(2)}`,
    ),
  );
  return `${[...groups, ...lines, ...new Set(options)].join('\n')}\n`;
}
