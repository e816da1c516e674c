/** The completion scripts of the shells; each asks the program itself what may follow. */

const SCRIPTS = {
  bash: `# swamp: completion for bash
_swamp() {
  local IFS=$'\\n' i
  COMPREPLY=($(swamp --complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
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
} as const;

export const SHELLS = Object.keys(SCRIPTS) as readonly (keyof typeof SCRIPTS)[];

/** The script for a shell; undefined for an unknown one. */
export function completionScript(shell: string): string | undefined {
  return Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell as keyof typeof SCRIPTS] : undefined;
}
