# Every example of the documentation that needs no broker runs and ends as it says.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/examples.sh"

for document in "$TOP"/README.md "$TOP"/docs/*.md "$TOP"/docs/man/*.[157]; do
	examples "$document" local
done
# the tour and then the pages, in one folder
cat "$TOP"/README.md "$TOP"/docs/{rebuild-runbook,verification,evverify-cron}.md >"$T/one-folder.md"
examples "$T/one-folder.md" local
check "the documents have examples" test "$_n" -ge 20
done_testing
