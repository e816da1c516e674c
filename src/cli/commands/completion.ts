/** `swamp completion [bash|zsh|fish]`: scripts that ask the program itself what may follow. */
import { basename } from 'node:path';
import { SwampError } from '../../errors.js';
import type { Context, Outcome } from '../context.js';

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# swamp: completion for bash
_swamp() {
  local IFS=$'\\n'
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(swamp --complete "\${words[@]}" 2>/dev/null))
  local i
  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=$(printf '%q' "\${COMPREPLY[i]}"); done
}
complete -o default -F _swamp swamp
`,
  zsh: `#compdef swamp
# swamp: completion for zsh
_swamp() {
  local -a found
  found=("\${(@f)$(swamp --complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _swamp "$@"; else compdef _swamp swamp; fi
`,
  fish: `# swamp: completion for fish
function __swamp_complete
  set -l words (commandline -opc) (commandline -ct)
  swamp --complete $words[2..-1] 2>/dev/null
end
complete -c swamp -a '(__swamp_complete)'
`,
};

export async function run({ args, env }: Context): Promise<Outcome> {
  const shell = args.text('shell') ?? basename(env['SHELL'] ?? 'bash');
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined) {
    throw new SwampError('usage', `There is no completion for ${JSON.stringify(shell)}.`, { hint: `The shells are ${Object.keys(SCRIPTS).join(', ')}.` });
  }
  return { result: { shell, script }, text: () => script };
}
