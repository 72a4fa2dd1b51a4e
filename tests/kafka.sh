# tests/kafka.sh - sourced after lib.sh by the tests that need a real broker (t5*-t7*, t826*-t829*).
#
#   . "$(dirname "$0")/lib.sh"; . "$TOP/tests/kafka.sh"
#   topic orders 3 cleanup.policy=compact      # makes a topic of a unique name: $orders holds it
#   put <<'END' ... END                        # evproduce script; see tests/helpers/evproduce.c
#   txn_open ID; txn 'put ...' begin commit    # a producer that stays: one command a word, each awaited
#   txn_leave                                  # it goes, and leaves what is open open
#   member_in GROUP TOPIC; member_out          # a consumer of Kafka 4's own protocol; all of them leave
#   own_broker                                 # a broker of this script alone: $broker_dir, may be killed
#
# The run has brokers for all: tests/run starts them and sets EV_TEST_BROKERS to one; a script that is run
# by hand starts one for itself. EV_BROKERS is set, so commands need no -b.
kafka=$TOP/scripts/kafka
_members=()
_topics=0 _unique=$((EPOCHSECONDS % 100000))$$ # process ids come again within a run

own_broker() {
	broker_dir=$T/broker
	EV_BROKERS=$("$kafka" start "$broker_dir" 2>"$T/broker.err") || {
		fail "a Kafka broker starts"; show <"$T/broker.err"; done_testing; exit 1
	}
	export EV_BROKERS
	at_exit '"$kafka" kill "$broker_dir"'
}

if [ -n "${EV_TEST_BROKERS:-}" ]; then
	export EV_BROKERS=$EV_TEST_BROKERS
else
	own_broker
fi

# topic NAME PARTITIONS [config=value...]
topic() {
	local name=$1
	_topics=$((_topics + 1))
	printf -v "$name" '%s' "$name-$_unique-$_topics"
	evadmin create "${!name}" "${@:2}" || fail "topic ${!name} is made"
}
put() { { cat; echo flush; } | evproduce "$@" script >/dev/null || fail "records are produced"; }

txn_open() {
	coproc TXN { exec evproduce -t "$1-$$" script 2>&1; }
	_txn_in=${TXN[1]} _txn_out=${TXN[0]} _txn_pid=$TXN_PID
}
txn() {
	local word answer
	for word in "$@"; do
		echo "$word" >&"$_txn_in"
		case $word in
		put*|many*) ;;
		*) read -r -t 60 answer <&"$_txn_out" && [ "$answer" = ok ] || fail "$word: ${answer:-no answer}" ;;
		esac
	done
}
txn_leave() {
	exec {_txn_in}>&-
	wait "$_txn_pid" 2>/dev/null
}

member_in() {
	_members+=(0)
	evmember "$1" "$2" >"$T/member.${#_members[@]}" 2>&1 &
	_members[-1]=$!
	at_exit "! jobs -p | grep -qx $! || kill $!"
	wait_for 60 grep -q '^in' "$T/member.${#_members[@]}" || fail "a consumer is in group $1"
}
member_out() {
	kill "${_members[@]}"
	wait "${_members[@]}" || fail "a consumer leaves its group"
	_members=()
}
