# scripts/lint passes on the tree, and finds what it is there to find.
. "$(dirname "$0")/lib.sh"

run "$TOP/scripts/lint" --quick
check_status 0 "the tree is clean under make lint"
show <"$out"

folders() { sed -n "$1" "$2" | tr '\n' ' '; }
want=$(folders '/^read .* layers/,/^END/s/^\([a-z]*\)\( .*\)*$/\1/p' "$TOP/scripts/lint")
check "docs/architecture.md lists the folders in the order of lint's table ($want)" \
	[ "$(folders 's/^| `\([a-z]*\)` |.*/\1/p' "$TOP/docs/architecture.md")" = "${want#read }" ]

# a tree with one fault of each kind
mkdir -p scripts libreplay/{base,verify,new} cmd/evtail tests && cp "$TOP/scripts/lint" scripts/ && git init -q .
{
	printf 'int f(char *a, const char *b)\n{\n\tstrcpy(a, b); \n\texit(1);\n}\n'
	printf 'int g(void)\n{\n'; for ((i = 0; i < 90; i++)); do printf '\t;\n'; done; printf '\treturn 0;\n}\n'
	for ((i = 0; i < 520; i++)); do echo; done
} >libreplay/base/bad.c
printf '#include "store/store.h"\n\n' >libreplay/base/up.c
printf '#include "%s"\n' base/buf.h store/store.h verify/internal.h store/pg_internal.h >libreplay/verify/inside.c
printf '#include "%s"\n' base/buf.h >libreplay/new/new.c
printf '#include "%s"\n' evtail/tail.h common/term.h verify/verify.h evproject/evproject.h >cmd/evtail/other.c
printf '#!/bin/bash\nrm -rf $1/*\nfor f in $(ls); do echo "$g"; done\ncd nowhere\n' >scripts/bad
git add -A
run scripts/lint --quick
check_status 1 "a tree with faults fails"
check_grep "a banned function" 'bad.c:3: banned function' "$out"
check_grep "an exit in the library" 'bad.c:4: the library never' "$out"
check_grep "white space at the end of a line" 'bad.c:3: trailing white space' "$out"
check_grep "a long function" 'bad.c:6: function longer' "$out"
check_grep "a long file" 'bad.c:6[0-9][0-9]: longer than 600 lines' "$out"
check_grep "an include of what stands above" 'base/up.c:1: an include' "$out"
check_grep "another folder's insides" 'verify/inside.c:4: an include' "$out"
check_no_grep "what a folder may include is left alone" 'verify/inside.c:[123]: an include' "$out"
check_grep "a folder that the table does not know" 'new/new.c:1: an include' "$out"
check_grep "a command that includes another" 'evtail/other.c:4: an include' "$out"
check_no_grep "its own folder, what commands share, the library" 'evtail/other.c:[123]: an include' "$out"
check_grep "a shell script's fault" 'SC2164' "$out"
done_testing
