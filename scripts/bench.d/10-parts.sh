# the parts that need no broker: JSON extraction beside jansson, record lines
printf '\n== JSON: events a second on one core\n'
json_bench | tee "$scratch/json"
rate=$(awk '/337 bytes/ { ours = 1 } ours && /ev_json_extract/ { print $2, $NF + 0 }' "$scratch/json")
verdict "6 paths of 337 bytes, M events/s" "$(awk '{ print $1 / 1e6 }' <<<"$rate")" '>=2.5' >/dev/null
verdict "6 paths of 337 bytes, times jansson" "${rate#* }" '>=10' >/dev/null
printf '\n== record lines\n'
line_bench
