# bash completion of evreplay; made by: evreplay --dump-options bash
# shellcheck shell=bash disable=SC2207
_evreplay_redrive() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	-g|--group) COMPREPLY=(); return ;;
	--max) COMPREPLY=(); return ;;
	--max-redrives) COMPREPLY=(); return ;;
	--quarantine) COMPREPLY=(); return ;;
	-t|--into) COMPREPLY=(); return ;;
	--into-broker) COMPREPLY=(); return ;;
	--into-config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--partition) COMPREPLY=($(compgen -W 'key keep librdkafka' -- "$cur")); return ;;
	--allow) COMPREPLY=($(compgen -W 'same-topic fewer-partitions log-append-time other-job other-partitions retention timestamp-bounds null-keys' -- "$cur")); return ;;
	--rate) COMPREPLY=(); return ;;
	--metrics) COMPREPLY=($(compgen -f -- "$cur")); return ;;
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
		COMPREPLY=($(compgen -W ' --dry-run -n --group -g --accept-gap --max --max-redrives --quarantine --into -t --into-broker --into-config --partition --allow --lossy --rate --metrics --quiet -q --from --to --since --until --type --key --where --header --tombstones --envelope --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evreplay_offsets() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	--map) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	-g|--group) COMPREPLY=(); return ;;
	--into-broker) COMPREPLY=(); return ;;
	--into-config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	-b|--broker) COMPREPLY=(); return ;;
	-X|--property) COMPREPLY=(); return ;;
	-F|--properties) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--timeout) COMPREPLY=(); return ;;
	--log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W ' --map --group -g --dry-run -n --accept-gap --rewind --yes -y --into-broker --into-config --broker -b --property -X --properties -F --timeout --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}
_evreplay() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	if [[ $COMP_CWORD -gt 1 ]]; then
		case ${COMP_WORDS[1]} in
		redrive) _evreplay_redrive; return ;;
		offsets) _evreplay_offsets; return ;;
		esac
	fi
	case $prev in
	-t|--into) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--into-broker) COMPREPLY=(); return ;;
	--into-config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--partition) COMPREPLY=($(compgen -W 'key keep librdkafka' -- "$cur")); return ;;
	--map) COMPREPLY=(); return ;;
	--allow) COMPREPLY=($(compgen -W 'same-topic fewer-partitions log-append-time other-job other-partitions retention timestamp-bounds null-keys' -- "$cur")); return ;;
	--position) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--offset-map) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--metrics) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--level) COMPREPLY=(); return ;;
	--threads) COMPREPLY=(); return ;;
	--job) COMPREPLY=(); return ;;
	--group) COMPREPLY=(); return ;;
	--txn-records) COMPREPLY=(); return ;;
	--txn-time) COMPREPLY=(); return ;;
	--rate) COMPREPLY=(); return ;;
	--speed) COMPREPLY=(); return ;;
	--max-idle) COMPREPLY=(); return ;;
	--start-at) COMPREPLY=(); return ;;
	--timestamps) COMPREPLY=($(compgen -W 'keep now shift' -- "$cur")); return ;;
	--redact) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--hash) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--key-file) COMPREPLY=($(compgen -f -- "$cur")); return ;;
	--redact-other) COMPREPLY=($(compgen -W 'refuse drop pass' -- "$cur")); return ;;
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
		COMPREPLY=($(compgen -W ' --into -t --into-broker --into-config --partition --map --create --dry-run -n --allow --lossy --follow -f --position --offset-map --metrics --quiet -q --verbose -v --append --level --threads --verify --exactly-once --job --new-job --accept-gap --group --txn-records --txn-time --rate --speed --max-idle --start-at --timestamps --redact --hash --key-file --redact-other --from --to --since --until --type --key --where --header --tombstones --envelope --broker -b --property -X --properties -F --lines --archive-map --timeout --txn-wait --memory --no-merge --log-format --help -h --version' -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
	[[ $COMP_CWORD -eq 1 ]] && COMPREPLY+=($(compgen -W ' redrive offsets' -- "$cur"))
}
complete -o filenames -F _evreplay evreplay
