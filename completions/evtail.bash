# bash completion of evtail; made by: evtail --dump-options bash
# shellcheck shell=bash disable=SC2207
_evtail() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	-n) COMPREPLY=(); return ;;
	-o|--output) COMPREPLY=(); return ;;
	--from) COMPREPLY=(); return ;;
	--to) COMPREPLY=(); return ;;
	--since) COMPREPLY=(); return ;;
	--until) COMPREPLY=(); return ;;
	--type) COMPREPLY=(); return ;;
	--key) COMPREPLY=(); return ;;
	--where) COMPREPLY=(); return ;;
	--header) COMPREPLY=(); return ;;
	--tombstones) COMPREPLY=($(compgen -W 'yes only no' -- "$cur")); return ;;
	--envelope) COMPREPLY=(); return ;;
	--format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	--position) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	-b|--broker) COMPREPLY=(); return ;;
	-X|--property) COMPREPLY=(); return ;;
	-F|--properties) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--lines) COMPREPLY=(); return ;;
	--archive-map) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--timeout) COMPREPLY=(); return ;;
	--txn-wait) COMPREPLY=(); return ;;
	--memory) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' -n --follow -f --output -o --null -0 --count -c --summary --paths --verbose -v --from --to --since --until --type --key --where --header --tombstones --envelope --format --position --quiet -q --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _evtail evtail
