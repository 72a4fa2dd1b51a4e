# evverify by the clock: what docs/evverify-cron.md says can be copied from there, and does what it says.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/evproject.sh"

page=$TOP/docs/evverify-cron.md
# block HEADING N: the N-th block of code behind it
block() {
	awk -v heading="## $1" -v n="$2" '$0 == heading { on = 1; next } /^## / { on = 0 }
		on && /^```/ { inside = !inside; if (inside) count++; next } on && inside && count == n' "$page"
}
{ rec add k1 1 0; rec add k2 2 1; rec add k1 3 2; } >log.ndjson
project s.db ./log.ndjson
cp s.db changed.db
sqlite3 changed.db "UPDATE acc SET n = 9 WHERE k = 'k2'"
mkdir bin
ln -s "$(command -v evverify)" bin/evverify

# here STORE: as it runs on this machine: our file, our store, a log that is a file
here() {
	sed -e "s|/usr/local/bin/evverify|$PWD/bin/evverify|g" -e "s|/etc/evtools/orders.sql|$PWD/p.sql|g" \
		-e "s|postgresql:///shop|$PWD/$1|g" -e 's| --scratch postgresql:///scratch||g' -e "s|/run/lock/|$PWD/|g" \
		-e "s|/var/lib/prometheus/node-exporter/|$PWD/|g"
}

block cron 1 >crontab.txt
grep -v '^ *#' crontab.txt | grep -E '^[0-9*]' >jobs.txt
check "two jobs" test "$(wc -l <jobs.txt)" = 2
check "nothing in them is a line's end to cron" test -z "$(grep '%' crontab.txt)"
check_grep "they find what is installed in /usr/local" '^PATH=/usr/local/bin:' crontab.txt
job() { # N STORE: as cron runs it
	env -i HOME="$PWD" PATH="$PWD/bin:/usr/bin:/bin" LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}" \
		/bin/sh -c "$(sed -n "$1p" jobs.txt | sed -E 's/^([^ ]+ +){5}//' | here "$2") ./log.ndjson" >"$out" 2>&1
	status=$?
}
job 1 s.db
check_status 0 "the first job: all is well"
check "and no mail" test ! -s "$out"
check_grep "Prometheus has it" '^evverify_last_success_timestamp_seconds' evverify-orders.prom
job 1 changed.db
check_status 1 "a row differs"
check_grep "the mail says which" "changed acc k='k2': n is 9, should be 2" "$out"
job 2 s.db
check_status 0 "the second: the log"
check "and no mail" test ! -s "$out"
series() { grep -ho '^evverify_[^ ]*' evverify-orders.prom evverify-orders-log.prom | sort | uniq -d; }
check "one collector takes both files: they have no series in common" test -z "$(series)"
log_success() { grep '^evverify_last_success_timestamp_seconds{projection="acc",check="log"}' evverify-orders-log.prom; }
before=$(log_success)
run evverify p.sql --log --metrics evverify-orders-log.prom -q ./nosuch.ndjson
check_status 3 "a night without its log"
check "keeps the time of the last success" test -n "$before" -a "$(log_success)" = "$before"

block systemd 1 | sed "s|/usr/local/bin/evverify|$PWD/bin/evverify|" >evverify@orders.service
block systemd 2 >evverify@orders.timer
if command -v systemd-analyze >/dev/null; then
	systemd-analyze verify ./evverify@orders.service ./evverify@orders.timer >"$out" 2>&1
	check_no_grep "systemd has nothing against the units" 'evverify' "$out" # it may have against others
fi
start=$(sed -n '/^ExecStart=/,/[^\\]$/p' evverify@orders.service | tr -d '\\\n' | sed "s/^ExecStart=//; s|%i|orders|g; s|%t|$PWD|g")
mkdir evverify
service() { sh -c "$(here "$1" <<<"$start") ./log.ndjson" >"$out" 2>&1; status=$?; }
service s.db
check_status 0 "what the service starts"
exec {holder}>evverify/orders
flock -n $holder
service s.db
check_status 6 "is not started twice"
check_grep "which is no failure of the unit" '^SuccessExitStatus=6$' evverify@orders.service
exec {holder}>&-

line=$(block 'Nagios, Icinga' 1 | sed -n 's/^ *command_line *//p')
plugin() { # STORE SOURCE
	line=${line//\$ARG1\$/orders} && sh -c "$(here s.db <<<"${line//\$ARG2\$/$PWD/$1}" | sed 's/\$ARG3\$/127.0.0.1:1/') $2" >"$out" 2>"$err"
	status=$?
}
plugin s.db ./log.ndjson
check_status 0 "Nagios: OK"
check_grep "in one line" '^EVVERIFY OK - acc consistent.* \| differences=0' "$out"
plugin changed.db ./log.ndjson
check_status 2 "CRITICAL"
plugin s.db ./nosuch.ndjson
check_status 3 "UNKNOWN"
check_grep "with the reason in the line" '^EVVERIFY UNKNOWN - .*nosuch' "$out"
for macro in file store scratch broker max_lag; do
	check_grep "Icinga: $macro" "\\\$evverify_$macro\\\$" <(block 'Nagios, Icinga' 2)
done
block 'Nagios, Icinga' 2 | grep -o '"--[a-z-]*"' | tr -d '"' | while read -r option; do
	grep -qe "$option" "$TOP/completions/evverify.bash" || echo "$option"
done >unknown
check "and all options that it gives are ours" test ! -s unknown

success() { grep 'last_success_timestamp_seconds{' evverify-orders.prom; }
job 1 s.db
before=$(success)
exec {holder}>evverify-orders
flock -n $holder
job 1 s.db
check_status 6 "while another run is at it"
check "the time of the last success stays" test -n "$before" -a "$(success)" = "$before"
exec {holder}>&-
mkfifo statements
sqlite3 s.db <statements >locked.txt 2>&1 &
exec {statements}>statements
echo "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE acc SET n = n; SELECT 'locked';" >&$statements
check "somebody keeps the store locked" wait_for 60 grep -q '^locked' locked.txt
run evverify p.sql --store s.db --lock-wait 100ms --lock evverify-orders --metrics evverify-orders.prom -q ./log.ndjson
check_status 6 "nobody knows of a view that cannot be read"
check_grep "which Prometheus is told, as no other run does" '^evverify_status\{.*\} 6$' evverify-orders.prom
check "the time of the last success stays then, too" test "$(success)" = "$before"
exec {statements}>&-
wait $!
for metric in $(block Prometheus 1 | grep -o 'evverify_[a-z_]*'); do
	check_grep "an alert's $metric is there" "^$metric\{" evverify-orders.prom
done
done_testing
