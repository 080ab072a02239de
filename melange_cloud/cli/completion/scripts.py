"""The scripts that shells load, and how candidates are handed to them.

A shell asks ``melange-cloud __complete SHELL ...``. The first line of the answer says that files may come too
(``files``), or that no blank may follow (``go-on``); then one candidate a line, in zsh and fish with its meaning.
"""

from melange_cloud.cli.completion.candidates import Candidates

BASH = r"""# Completion of melange-cloud in bash, made by `melange-cloud completion bash`.
_melange_cloud() {
    local line kind=none program=${1/#\~/$HOME}
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $kind == none ]]; then kind=$line; else COMPREPLY+=("$line"); fi
    done < <("$program" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ $kind == files ]]; then
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$2")
        type compopt &>/dev/null && compopt -o filenames
    elif [[ $kind == go-on ]]; then
        type compopt &>/dev/null && compopt -o nospace
    fi
}
complete -o nosort -F _melange_cloud melange-cloud 2>/dev/null || complete -F _melange_cloud melange-cloud
"""

ZSH = r"""#compdef melange-cloud
# Completion of melange-cloud in zsh, made by `melange-cloud completion zsh`.
_melange-cloud() {
    local -a lines described
    local line kind program=${${(Q)words[1]}/#\~/$HOME} found=1
    lines=("${(@f)$($program __complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    kind=$lines[1]
    for line in "${(@)lines[2,-1]}"; do
        described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if [[ $kind == go-on ]]; then
        _describe -V melange-cloud described -S '' && found=0
    elif (( $#described )); then
        _describe -V melange-cloud described && found=0
    fi
    if [[ $kind == files ]]; then
        _files && found=0
    fi
    return found
}
if [[ $funcstack[1] == _melange-cloud ]]; then
    _melange-cloud "$@"
else
    compdef _melange-cloud melange-cloud
fi
"""

FISH = r"""# Completion of melange-cloud in fish, made by `melange-cloud completion fish`.
function __melange_cloud_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' "$HOME" -- $words[1])
    set -e words[1]
    set -l lines ($program __complete fish $words "$current" 2>/dev/null)
    set -l kind $lines[1]
    set -e lines[1]
    for line in $lines
        echo $line
    end
    if test "$kind" = files
        __fish_complete_path "$current"
    end
end
complete -c melange-cloud -f -k -a '(__melange_cloud_complete)'
"""

OF_SHELL = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def for_bash(found: Candidates, typed: str, word_breaks: str) -> str:
    """The answer to bash, which replaces what comes after the last of ``word_breaks`` in the word that is typed."""
    kept = max((typed.rfind(sign) + 1 for sign in word_breaks if sign in "=:"), default=0)
    return _lines(found, [candidate.word[kept:] for candidate in found.words])


def with_meanings(found: Candidates) -> str:
    """The answer to zsh and fish."""
    return _lines(found, [f"{candidate.word}\t{candidate.meaning}" for candidate in found.words])


def _lines(found: Candidates, lines: list[str]) -> str:
    kind = "files" if found.files else "go-on" if found.go_on else "words"
    return "\n".join([kind, *lines]) + "\n"
