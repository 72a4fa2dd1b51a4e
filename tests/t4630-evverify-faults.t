#!/usr/bin/env bash
# evverify: no failing system call makes a pass of --log and --against: 0 only when all was read.
. "$(dirname "$0")/lib.sh"

command -v strace >/dev/null || { skip "system calls fail" "no strace"; done_testing; exit; }
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # cannot be done under strace
seq 0 45000 | awk '{ printf "{\"topic\":\"o\",\"partition\":0,\"offset\":%d,\"timestamp\":1,\"key\":\"k%d\"," \
	"\"value\":{\"event_id\":\"a-rather-long-identifier-of-an-event-%d\",\"version\":%d}}\n",
	$1, $1 % 977, $1, int($1 / 977) }' >log.ndjson
sed '20000s/"version":/"version" :/' log.ndjson >copy.ndjson
whole=(evverify --log ./log.ndjson --sequence '$.version' --memory 16m --allow-empty)
differ=(evverify ./log.ndjson --against ./copy.ndjson --by key --memory 16m)
run "${whole[@]}"
check_status 0 "the log is whole"
run "${differ[@]}"
check_status 1 "the copy is not the same"

# inject SYSCALL ERROR WANTED COMMAND...: fail the Nth such call, for each N, until a run meets none
inject() {
	local call=$1 error=$2 wanted=$3 n=1 bad=0
	shift 3
	while :; do
		strace -qq -o trace -e "trace=$call" -e "inject=$call:error=$error:when=$n" "$@" >"$out" 2>"$err"
		status=$?
		grep -q INJECTED trace || break
		# what it failed may not matter (a library's look at a file that need not be there): then all is as ever
		case $status in 0|1) [ $status = "$wanted" ] || bad=1 ;; [2-6]|127) ;; *) bad=1 ;; esac # 127: the loader's
		[ $bad = 0 ] || { echo "# $call $n: status $status"; show <"$err"; break; }
		n=$((n + 1 + n / ${EFFORT:-1}))
	done
	check "$call failing by $error is never another verdict ($n calls)" test $bad = 0
	check "and was made to fail" test $n -gt 1
}
for call in read pread64 write; do
	error=EIO
	[ $call != write ] || error=ENOSPC
	inject $call $error 1 "${differ[@]}"
done
inject write ENOSPC 0 "${whole[@]}"
inject openat EMFILE 0 "${whole[@]}"
inject openat EACCES 1 "${differ[@]}"
inject lseek EIO 1 "${differ[@]}"

# a temporary file that gives back less than was written
strace -qq -o trace -e trace=pread64 -e inject=pread64:retval=0:when=8+ "${whole[@]}" >"$out" 2>"$err"
check "a temporary file that is cut short is an error of the store" test $? = 4
check_grep "which is said" 'cannot read a temporary file: it was cut short' "$err"
done_testing
