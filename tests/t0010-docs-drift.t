# The documentation says what the programs do: OPTIONS, completions, links, and pages without faults.
. "$(dirname "$0")/lib.sh"

check "OPTIONS and completions are those of the option tables (if not: make docs)" \
	"$TOP/scripts/gen-docs" --build "${EV_BUILD#"$TOP/"}" --check

clean() { [ -z "$(mandoc -T lint -W warning "$1" 2>&1)" ]; }
renders() { [ "$(mandoc -T ascii "$1" 2>/dev/null | wc -l)" -gt 40 ]; }
for page in "$TOP"/docs/man/*.[157]; do
	check "${page##*/} is clean mdoc" clean "$page"
	check "${page##*/} renders" renders "$page"
	for ref in $(sed -n 's/^\.Xr \(ev[a-z-]*\) \([0-9]\).*/\1.\2/p' "$page" | sort -u); do
		check "${page##*/} refers to $ref, which exists" test -f "$TOP/docs/man/$ref"
	done
done

for document in "$TOP"/README.md "$TOP"/docs/*.md; do
	for link in $(grep -oE '\]\([^)#]+\)' "$document" | sed 's/^](//; s/)$//' | grep -v '^http'); do
		check "${document##*/} links to $link, which exists" test -e "$(dirname "$document")/$link"
	done
done

if command -v bash >/dev/null; then
	for file in "$TOP"/completions/*.bash; do check "${file##*/} parses" bash -n "$file"; done
	mkdir tab && : >tab/list.sql && : >tab/dead.sql
	completes() { # completes WORD...: what may stand for the last one
		(cd tab && bash -c '. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _evproject && echo "${COMPREPLY[*]}"' \
			"$TOP/completions/evproject.bash" evproject "$@" | tr ' ' '\n' | sort | xargs)
	}
	check "dead is completed to what may be done, and not to files" test "$(completes dead '')" = "drop export list retry show"
	check "by its beginning" test "$(completes dead re)" = retry
	check "then to files" test "$(completes dead list l)" = list.sql
	check "drop takes a name, which no file is" test -z "$(completes drop '')"
	check "others take files" test "$(completes run d)" = dead.sql
	check "as options do" test "$(completes drop --store l)" = list.sql
fi

# The functions that SQL may call are those of the authorizer.
listed() { # listed ARRAY: names in the source
	sed -n "/ $1\[\] = {/,/NULL/p" "$TOP/libreplay/store/sqlite_auth.c" | grep -oE '"[a-z_0-9]+"' | tr -d '"' | sort
}
documented() { # documented MARK: names in the page
	awk -v mark="$1:" '/^\.\\"/ { inside = $2 == mark && $3 == "begin" } inside && /^\.Fn / { print $2 }' \
		"$TOP/docs/man/evproject-file.5" | sort
}
check "there are such functions" test "$(listed functions | wc -l)" -gt 20
check "evproject-file.5 lists the functions of handlers" cmp <(listed functions) <(documented functions)
check "evproject-file.5 lists those of checks and samples" cmp <(listed query_functions) <(documented query-functions)

# Each option of --help stands in the rendered page.
plain() { mandoc -T ascii "$1" | sed 's/.\x08//g'; }
plain "$TOP/docs/man/evtail.1" >evtail.txt
plain "$TOP/docs/man/evproject.1" >evproject.txt
plain "$TOP/docs/man/evreplay.1" >evreplay.txt
plain "$TOP/docs/man/evverify.1" >evverify.txt
for words in evtail evreplay evreplay+redrive evreplay+offsets evverify evproject $(evproject --help | awk '/^  [a-z]+ / { print "evproject+" $1 }'); do
	command=${words%%+*}
	run ${words/+/ } --help
	check_status 0 "${words/+/ } --help ends with 0"
	check "its lines fit a terminal of 80 columns" test -z "$(awk 'length > 80' "$out")"
	for option in $(grep -oE -- '--[a-z][a-z-]+' "$out" | sort -u); do
		check "$command.1 has $option of ${words/+/ }" grep -qE -- "(^|[^a-z-])$option([^a-z-]|$)" $command.txt
	done
done
for command in evtail evproject evreplay evverify; do
	run $command --version
	check_grep "$command --version names the libraries" 'sqlite|rdkafka' "$out"
done
done_testing
