/** The completion scripts of the shells; each asks the program itself what may follow: a candidate a line, behind a tab what it is. */

const SCRIPTS = {
  bash: `# swamp: completion for bash
_swamp() {
  # Bash breaks words at "=" and ":", and leaves quotes in them: the line is read anew.
  local line=\${COMP_LINE:0:COMP_POINT} word= begun= quote= escaped= from=0 keep c i
  local -a words=()
  for ((i = 0; i < \${#line}; i++)); do
    c=\${line:i:1}
    if [[ $escaped ]]; then word+=$c escaped=
    elif [[ $c == \\\\ && $quote != "'" ]]; then escaped=1 begun=1
    elif [[ $quote && $c == "$quote" ]]; then quote=
    elif [[ $quote ]]; then word+=$c
    elif [[ $c == [\\"\\'] ]]; then quote=$c begun=1 from=\${#word}
    elif [[ $c == [[:space:]] ]]; then
      [[ $begun ]] && words+=("$word")
      word= begun= from=0
    else word+=$c begun=1
    fi
  done
  words+=("$word")
  # What is in front of the part that bash replaces.
  if [[ $quote ]]; then keep=\${word:0:from}; else keep=\${word%"\${word##*[=:]}"}; fi
  COMPREPLY=()
  while IFS=$'\\t' read -r c _; do
    c=\${c#"$keep"}
    [[ $quote ]] || c=$(printf '%q' "$c")
    COMPREPLY+=("$c")
  done < <(swamp --complete "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _swamp swamp
`,
  zsh: `#compdef swamp
# swamp: completion for zsh
_swamp() {
  local -a found
  found=("\${(@f)$(swamp --complete "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  if [[ -z "\${found[1]}" ]]; then _files; return; fi
  found=("\${(@)found//:/\\\\:}")
  found=("\${(@)found/$'\\t'/:}")
  _describe swamp found
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _swamp "$@"; else compdef _swamp swamp; fi
`,
  fish: `# swamp: completion for fish
function __swamp_complete
  set -l words (commandline -opc)
  # A quote that is still open cannot be unescaped.
  set -l current (string unescape -- (commandline -ct); or string replace -r '^["\\']' '' -- (commandline -ct))
  swamp --complete $words[2..-1] "$current" 2>/dev/null
end
complete -c swamp -a '(__swamp_complete)'
`,
} as const;

export const SHELLS = Object.keys(SCRIPTS) as readonly (keyof typeof SCRIPTS)[];

/** The script for a shell; undefined for an unknown one. */
export function completionScript(shell: string): string | undefined {
  return Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell as keyof typeof SCRIPTS] : undefined;
}
