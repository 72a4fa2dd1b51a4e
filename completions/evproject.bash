# bash completion of evproject; made by: evproject --dump-options bash
# shellcheck shell=bash disable=SC2207
_evproject_draft() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	-n|--count) COMPREPLY=(); return ;;
	--name) COMPREPLY=(); return ;;
	--from) COMPREPLY=(); return ;;
	--to) COMPREPLY=(); return ;;
	--since) COMPREPLY=(); return ;;
	--until) COMPREPLY=(); return ;;
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
		COMPREPLY=($(compgen -W ' --count -n --name --from --to --since --until --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_check() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --quiet -q --store --schema --store-timeout --lock-wait --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_test() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_run() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--on-error) COMPREPLY=($(compgen -W 'inherit stop dead' -- "$cur")); return ;;
	--max-dead) COMPREPLY=(); return ;;
	--max-held) COMPREPLY=(); return ;;
	--batch) COMPREPLY=(); return ;;
	-g|--group) COMPREPLY=(); return ;;
	--metrics) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--from) COMPREPLY=(); return ;;
	--to) COMPREPLY=(); return ;;
	--since) COMPREPLY=(); return ;;
	--until) COMPREPLY=(); return ;;
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
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --follow -f --check --on-error --max-dead --max-held --exact-statements --batch --group -g --metrics --quiet -q --from --to --since --until --scan-late --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_rebuild() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--max-change) COMPREPLY=(); return ;;
	--require-receipt) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--receipt-age) COMPREPLY=(); return ;;
	--scratch) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--max-lag) COMPREPLY=(); return ;;
	--swap-wait) COMPREPLY=(); return ;;
	--on-error) COMPREPLY=($(compgen -W 'inherit stop dead' -- "$cur")); return ;;
	--max-dead) COMPREPLY=(); return ;;
	--max-held) COMPREPLY=(); return ;;
	--batch) COMPREPLY=(); return ;;
	--metrics) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--from) COMPREPLY=(); return ;;
	--to) COMPREPLY=(); return ;;
	--since) COMPREPLY=(); return ;;
	--until) COMPREPLY=(); return ;;
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
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --yes -y --no-swap --again --adopt --accept-trimmed --allow-empty --max-change --require-receipt --receipt-age --scratch --max-lag --swap-wait --on-error --max-dead --max-held --exact-statements --batch --metrics --quiet -q --dry-run -n --abandon --forget --from --to --since --until --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_rollback() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --quiet -q --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_diff() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--schema-a) COMPREPLY=(); return ;;
	--schema-b) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--max-diffs) COMPREPLY=(); return ;;
	--format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --schema-a --schema-b --store-timeout --max-diffs --format --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_show() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_history() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--row) COMPREPLY=(); return ;;
	--table) COMPREPLY=(); return ;;
	--key) COMPREPLY=(); return ;;
	--partitioner) COMPREPLY=($(compgen -W 'murmur2 consistent' -- "$cur")); return ;;
	--format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	--scratch) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--from) COMPREPLY=(); return ;;
	--to) COMPREPLY=(); return ;;
	--since) COMPREPLY=(); return ;;
	--until) COMPREPLY=(); return ;;
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
		COMPREPLY=($(compgen -W ' --row --table --key --partitioner --format --scratch --quiet -q --from --to --since --until --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_status() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	--max-lag) COMPREPLY=(); return ;;
	--max-age) COMPREPLY=(); return ;;
	--max-dead) COMPREPLY=(); return ;;
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
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --format --max-lag --max-age --max-dead --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evproject_dead() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --format --all --yes -y --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -W 'list show retry drop export' -- "$cur"))
		local word
		for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
			case $word in list|show|retry|drop|export) COMPREPLY=($(compgen -f -- "$cur")) ;; esac
		done
	fi
}
_evproject_drop() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--store) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--schema) COMPREPLY=(); return ;;
	--store-timeout) COMPREPLY=(); return ;;
	--lock-wait) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --store --schema --store-timeout --lock-wait --yes -y --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=()
	fi
}
_evproject() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $COMP_CWORD -gt 1 ]]; then
		case ${COMP_WORDS[1]} in
		draft) _evproject_draft; return ;;
		check) _evproject_check; return ;;
		test) _evproject_test; return ;;
		run) _evproject_run; return ;;
		rebuild) _evproject_rebuild; return ;;
		rollback) _evproject_rollback; return ;;
		diff) _evproject_diff; return ;;
		show) _evproject_show; return ;;
		history) _evproject_history; return ;;
		status) _evproject_status; return ;;
		dead) _evproject_dead; return ;;
		drop) _evproject_drop; return ;;
		esac
	fi
	COMPREPLY=($(compgen -W 'help draft check test run rebuild rollback diff show history status dead drop --log-format --help -h --version' -- "$cur"))
}
complete -o filenames -F _evproject evproject
