# make install puts everything in its conventional place, and uninstall takes it away again.
. "$(dirname "$0")/lib.sh"
root=$T/root
build=${EV_BUILD#"$TOP/"}
make_in() { make -s -C "$TOP" B="$build" DESTDIR="$root" PREFIX=/usr "$@"; }

check "make install" make_in install
for file in bin/evtail bin/evproject share/man/man1/evtail.1 share/man/man1/evproject.1 \
	share/man/man5/evproject-file.5 share/man/man7/evtools.7 \
	share/bash-completion/completions/evtail share/zsh/site-functions/_evproject \
	share/fish/vendor_completions.d/evtail.fish share/evtools/projections/orders.sql \
	share/evtools/projections/cases/orders.json share/doc/evtools/README.md \
	share/doc/evtools/docs/replay-runbook.md; do
	check "installs $file" test -f "$root/usr/$file"
done
for page in $(grep -ohE 'docs/[a-z-]+\.md' "$TOP"/docs/man/* "$TOP"/cmd/*.c "$TOP"/cmd/*/*.c "$TOP/NEWS" | sort -u); do
	check "$page, which a page or a message names, is installed" test -f "$root/usr/share/doc/evtools/$page"
done
run "$root/usr/bin/evproject" check -q "$root/usr/share/evtools/projections/orders.sql"
check_status 0 "the installed command checks an installed projection"
check "make uninstall" make_in uninstall
check "and nothing is left" test -z "$(find "$root" -type f)"
done_testing
