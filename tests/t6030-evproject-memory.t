#!/usr/bin/env bash
# evproject run on partitions of very different sizes: memory stays bounded, the order stays that of time
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
. "$TOP/tests/project.sh"

# 90 MB: nearly all of it in one partition, whose records span all times. One small partition is older than
# everything, one younger (its head waits until all others are read), one has a record now and then. Few
# partitions: a client before 2.2 may sleep a second each time that a queue is full, and they share --memory.
n=70000
[[ $EV_BUILD == *address* ]] && n=20000 # a sanitizer multiplies time and memory, and is asked for the order only
topic log 4
put -X linger.ms=50 -X compression.codec=none < <(awk -v t="$log" -v n=$n 'BEGIN {
	for (; length(x) < 1300; x = x "x");
	for (i = 0; i < n; i++) {
		p = i % 1000 ? 0 : 1
		line(p, 1000000 + i * 10 + (i * 7919) % 97, i)
		if (i % 100 == 0) { line(2, i, i); line(3, 9000000 + i, i) }
	} }
	function line(p, ms, i) { printf "put %s/%d %d k%d {\"type\":\"put\",\"v\":%d,\"x\":\"%s\"}\n", t, p, ms, i % 13, i, x }')
count=$((n + n / 50))
chain_projection "$log" >chain.sql
measured() { # measured STORE OPTIONS...: peak memory in MiB to $peak
	run timeout 120 evmeasure peak.txt evproject run chain.sql --store "$@" --quiet
	peak=$(($(cut -d' ' -f2 peak.txt) / 1024))
	echo "# $*: $(cut -d' ' -f1 peak.txt) s, $peak MiB"
}
measured large.db --memory 1g
check_status 0 "a run with much memory finishes"
check "with every event" test "$(chain large.db)" = $count
measured small.db --memory 16m
small=$peak
check_status 0 "a run with little memory finishes"
check "and gives the same view, in the same order" cmp <(dump large.db) <(dump small.db)
check "the ledger balances" balanced small.db
# Beside the queues (--memory): the program and its libraries, the database's cache, the records of one
# transaction.
if [[ $EV_BUILD != *address* ]]; then
	check "little memory is little memory ($small MiB of 90)" test $small -lt 64
fi
done_testing
