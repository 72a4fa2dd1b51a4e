# bash completion of evverify; made by: evverify --dump-options bash
# shellcheck shell=bash disable=SC2207
_evverify() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--against) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--max-lag) COMPREPLY=(); return ;;
	--max-age) COMPREPLY=(); return ;;
	--scratch) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--base) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--base-receipt) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--ignore) COMPREPLY=(); return ;;
	--sample) COMPREPLY=(); return ;;
	--max-diffs) COMPREPLY=(); return ;;
	--max-repair) COMPREPLY=(); return ;;
	--sequence) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--by) COMPREPLY=($(compgen -W 'partition key' -- "$cur")); return ;;
	--against-broker) COMPREPLY=(); return ;;
	--against-config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--envelope) COMPREPLY=(); return ;;
	--from) COMPREPLY=(); return ;;
	--to) COMPREPLY=(); return ;;
	--since) COMPREPLY=(); return ;;
	--until) COMPREPLY=(); return ;;
	--format) COMPREPLY=($(compgen -W 'text json tap prom nagios' -- "$cur")); return ;;
	--metrics) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--receipt) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--lock) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
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
		COMPREPLY=($(compgen -W ' --rows --counts --checks --log --against --max-lag --max-age --drill --capabilities --independent --scratch --base --base-receipt --ignore --sample --max-diffs --allow-empty --repair --yes -y --max-repair --sequence --contiguous --strict-time --by --same-offsets --against-broker --against-config --envelope --from --to --since --until --format --quiet -q --metrics --receipt --lock --store --schema --store-timeout --lock-wait --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
complete -o filenames -F _evverify evverify
