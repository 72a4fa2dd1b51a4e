# Every system call that evverify makes is made to fail, one after the other: it never says what it has not checked.
#
# A view that is right may be said to be consistent only with all its rows and offsets looked at, and is never
# different; one that is wrong is never consistent, and different only by the row that is.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"
. "$TOP/tests/evverify.sh"
strace -o /dev/null true 2>/dev/null || { skip "system calls are made to fail" "no strace here"; done_testing; exit; }
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # cannot be done under strace

for i in {1..60}; do rec add k$((i % 13)) "$i"; done >log.ndjson
project right.db ./log.ndjson
cp right.db wrong.db
sqlite3 wrong.db "UPDATE acc SET n = n + 1 WHERE k = 'k3'"
check_once() { # check_once STORE [strace options]
	local store=$1; shift
	"$@" evverify p.sql --store $store ./log.ndjson --format json >out.json 2>err.txt
}
check_once right.db && cp out.json right.json
counts='[.modes[] | [.mode, .result, .checked, .found]]'
for store in right wrong; do check_once $store.db; jq -c "$counts" out.json >$store.want; done

# judge STORE STATUS: may it say this?
judge() {
	case $1:$2 in
	right:0|wrong:1) jq -c "$counts" out.json 2>/dev/null | cmp -s - $1.want ;;
	right:1|wrong:0) return 1 ;;
	*) [ "$2" -ge 2 ] ;;
	esac
}
RANDOM=${SEED:=$((RANDOM + 1))}
echo "# SEED=$SEED"
runs=0 said=0
for call in openat read pread64 newfstatat fstat lseek fcntl mmap getrandom write; do
	case $call in
	mmap) error=ENOMEM ;;
	*) error=EIO ;;
	esac
	bad=''
	for store in right wrong; do
		strace -f -qq -o trace.txt -e trace=$call evverify p.sql --store $store.db ./log.ndjson >/dev/null 2>&1
		n=$(wc -l <trace.txt)
		step=$((n / (2 * EFFORT) + 1))
		for ((i = 1 + RANDOM % step; i <= n; i += step)); do
			check_once $store.db strace -f -qq -o /dev/null -e inject=$call:error=$error:when=$i
			got=$?
			runs=$((runs + 1))
			[ $got -le 1 ] || said=$((said + 1))
			judge $store $got || bad="$bad $store:$call:$i=$got"
		done
	done
	check "$call fails: nothing is said that was not checked" test -z "$bad"
	[ -z "$bad" ] || echo "# $bad"
done
echo "# $runs runs, $said of them said that they could not check"
check "most faults are felt" test $((said * 4)) -gt $runs
done_testing
