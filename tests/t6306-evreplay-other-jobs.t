# evreplay: what jobs of other names have copied into a target, and what only looks like that.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/kafka.sh"
total() { evtail "$1" --from begin -c -q 2>/dev/null | awk '$1 == "total" { print $2 }'; }

# Two that divide a log by time have no record in common, and files may begin with the same line.
topic times 1
topic halves 1
for i in 1 2 3 4 5 6; do echo "put $times/0 1732190400$((i * 100)) k$i v"; done | put
half() { evreplay "$times" --into "${into:-$halves}" --exactly-once --job "$1-$$" "${@:2}"; }
run half until --until 1732190400400
check_status 0 "a job up to a time"
run half late --since 1732190400300
check_status 2 "one from a time before that is refused"
check_grep "by the job's name" "topic '$halves': job 'until-$$' has copied topic '$times' into it already" "$err"
run half since --since 1732190400400
check_status 0 "one from that time on is not"
check "each is there once" test "$(evtail "$halves" --from begin -q -o %k | sort | tr '\n' ' ')" = "k1 k2 k3 k4 k5 k6 "
run half all
check_status 2 "one of all is refused"
run half late --until 1732190400401
check_status 2 "so is one up to a time behind the beginning of another"
topic heads 1
head_of() { evreplay "$1" --lines csv --into "$heads" --exactly-once --job "$2-$$" --lossy --allow retention "${@:3}"; }
printf '%s\n' id,name 1,a 2,b >day1.csv
printf '%s\n' id,name 3,c 4,d >day2.csv
run head_of ./day1.csv day1
check_status 0 "a job of lines with a head"
run head_of ./day2.csv day2
check_status 0 "another file with that head is copied"
check_grep "what it may be is said" "warning: topic '$heads': job 'day1-$$' has copied topic 'csv' into it already, or what begins with the same line" "$err"
check "its lines are there" test "$(total "$heads")" = 6
printf '%s\n' key,name 3,c >day3.csv
run head_of ./day3.csv day3
check_no_grep "one with another head is none" "has copied" "$err"

run head_of ./day1.csv chosen --tombstones no
run head_of ./day1.csv others --tombstones only
check_grep "of several the one that has most in common is named" \
	"warning: topic '$heads': job 'day1-$$' has copied topic 'csv' into it already, or what begins" "$err"

# Two that are begun in the same moment: the one that commits later looks once more, and keeps nothing.
topic beside 1
topic both 1
for i in 1 2 3; do echo "put $beside/0 1732190400000 k$i v"; done | put
beside() { evreplay "$beside" --into "$both" --exactly-once --job "$1-$$" "${@:2}"; }
under_way() { [ "$(evtail "$both" --from begin -q -o %k -X isolation.level=read_uncommitted | wc -l)" -ge 1 ]; }
evreplay "$beside" --into "$both" --exactly-once --job "slow-$$" --rate 0.01/m --txn-time 30s >slow.out 2>slow.err &
slow_pid=$!
check "one has put a record, and not committed it" wait_for 60 under_way
kill -STOP $slow_pid
run beside quick
check_status 0 "the other copies all"
kill -TERM $slow_pid
kill -CONT $slow_pid
wait $slow_pid
status=$?
check "the first one is refused then" test $status = 2
check_grep "by the name of the other" "topic '$both': job 'quick-$$' has copied topic '$beside' into it already" slow.err
check "each record is there once" test "$(evtail "$both" --from begin -q -o %k | sort | tr '\n' ' ')" = "k1 k2 k3 "
run beside slow
check_status 2 "and it is by its next run"
run beside slow --allow other-job
check_status 0 "--allow copies them"
check "again" test "$(total "$both")" = 6
done_testing
