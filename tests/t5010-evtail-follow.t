# evtail on a real broker: -n with filters, -f, the closing report
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"

topic far 2
put -t "far-$$" <<END
begin
many $far/0 1000 400
put $far/1 5000 late 1
commit
END
run evtail --timeout 10s -n 2 --key 'k[0-9]' -o key "$far"
check_out "the last two that pass a filter, however far back" <<'END'
k8
k9
END
run evtail --timeout 10s -n 1 -o key "$far"
check_out "the last of all partitions by time" <<'END'
late
END
run evtail --timeout 10s --from begin -c "$far"
check_grep "the report names span, records and holes" \
	"$far/0: offsets 0 to 400, 400 records, 1 offset without a record" "$err"
run evtail --timeout 10s --from begin -c -q "$far"
check "--quiet keeps it back" test ! -s "$err"
run evtail --timeout 10s --from 0 --to 5 -v "$far/0"
check_grep "-v reports without holes as well" "$far/0: offsets 0 to 4, 5 records$" "$err"

evtail --timeout 10s -f -n 1 -o key --position pos.json "$far" >got 2>"$err" &
pid=$!
check "a follower begins with the last N" wait_for 60 grep -qx late got
put <<END
put $far/0 6000 next 1
put $far/1 6001 tomb ~
END
check "then prints what comes" wait_for 60 grep -qx tomb got
kill -TERM $pid
wait $pid
status=$?
check_status 0 "and ends with 0 when asked to"
check "each record once, in order" test "$(tr '\n' ' ' <got)" = 'late next tomb '
check "its position stands behind them" test "$(cat pos.json)" = "{\"$far\":{\"0\":402,\"1\":3}}"
put <<END
put $far/1 7000 after 1
END
run evtail --timeout 10s --from pos.json -o key "$far"
check_out "so that the next read goes on there" <<'END'
after
END

# A topic that is deleted under a follower, and one of its name that has come further by the time it is looked at.
topic away 1
put <<<"many $away/0 1000 5"
timeout 600 evtail "$away" -f --from begin -q --timeout 10m -o '%k' >patient.out 2>patient.err &
patient=$!
timeout 600 evtail "$away" -f --from begin -q --timeout 30s -o '%k' >hasty.out 2>hasty.err &
hasty=$!
read_all() { [ "$(cat patient.out hasty.out | wc -l)" -eq 10 ]; }
check "two follow" wait_for 60 read_all
evadmin delete "$away"
wait $hasty
status=$? err=hasty.err
check_status 3 "a topic that stays away ends a follower"
check_grep "with its name" "topic '$away' is not there any more" "$err"
evadmin create "$away" 1
put <<<"many $away/0 2000 50"
wait $patient
status=$? err=patient.err
check_status 5 "one that comes back is another"
check_grep "which is said" "topic '$away' was deleted and made again while it was read" "$err"
check "and nothing of it was taken for the first" test "$(wc -l <patient.out)" = 5
done_testing
