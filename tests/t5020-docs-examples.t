# Every example of the documentation runs, with the generated orders on a real broker. The topics have the names
# that the documents use, so the broker is one of our own.
. "$(dirname "$0")/lib.sh"
unset EV_TEST_BROKERS
. "$TOP/tests/kafka.sh"
. "$TOP/tests/examples.sh"

check "the generated orders are written to the broker" "$TOP/scripts/generate" orders 5000 --into "$EV_BROKERS"
for document in "$TOP"/README.md "$TOP"/docs/*.md "$TOP"/docs/man/*.[157]; do
	examples "$document" all
done
done_testing
