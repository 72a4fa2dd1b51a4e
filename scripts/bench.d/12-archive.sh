# archives: record lines into gzip members and out of them, beside gzip -1 and gzip -dc
printf '\n== archives: MB of record lines a second\n'
archive_bench '' 100 | tee "$scratch/archive"
core() { awk -v what="$1" 'index($0, what) { print $(NF - 3); exit }' "$scratch/archive"; }
verdict "archive at level 1, MB/s per core" "$(core 'level 1, one thread')" '>=100' >/dev/null
verdict "archive, times gzip -1 per core" "$(awk -v a="$(core 'level 1, one thread')" -v g="$(core 'gzip -1')" 'BEGIN { print a / g }')" '>=1' >/dev/null
