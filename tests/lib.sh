# tests/lib.sh - sourced by every tests/tNNNN-command-topic.t; prints TAP. See docs/testing.md.
#
#   . "$(dirname "$0")/lib.sh"
#   check "a sentence that must hold" test "$x" = y      # runs the command, any output is shown on failure
#   run evtail ...            # fills $out, $err (files) and $status; never fails itself
#   check_status 2 "an unknown option is a usage error"
#   check_out "says hello" <<'EOF' ... EOF                # compares $out byte for byte
#   check_grep "names the file" 'x.ndjson:3' "$err"
#   done_testing
#
# Each script has a scratch folder of its own, $T, which is the working directory and goes away at exit.
# Data of the tree is under $TOP. No sleeps for synchronisation: use `wait_for SECONDS command...`.
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/evt.XXXXXX")
export NO_COLOR=1
cd "$T" || exit 99
_n=0 _bad=0
out=$T/.out err=$T/.err status=
_cleanup=()
at_exit() { _cleanup+=("$1"); }
_at_exit() {
	local i
	# a child that a signal hits before it is the command that it is to be runs this trap as well
	[ "$BASHPID" = $$ ] || return
	for ((i = ${#_cleanup[@]} - 1; i >= 0; i--)); do eval "${_cleanup[i]}"; done
	cd / && rm -rf "$T"
}
trap _at_exit EXIT
pass() { _n=$((_n + 1)); echo "ok $_n - $1"; }
fail() { _n=$((_n + 1)); _bad=$((_bad + 1)); echo "not ok $_n - $1"; }
skip() { _n=$((_n + 1)); echo "ok $_n - $1 # SKIP $2"; }
show() { sed "s/^/#   /" | head -n 40; }
check() {
	local text=$1; shift
	if "$@" >.check 2>&1; then pass "$text"; else fail "$text"; echo "#   \$ $*"; show <.check; fi
}
run() { "$@" >"$out" 2>"$err"; status=$?; }
jq() { # jq 1.6 calls it true under -e when there was nothing to ask
	local answer
	[[ "$1" == -*e* ]] || { command jq "$@"; return; }
	answer=$(command jq "$@") || return
	echo "$answer"
	[ -n "$answer" ]
}
check_status() {
	if [ "$status" = "$1" ]; then pass "$2"; else
		fail "$2"; echo "#   exit status $status, expected $1"; show <"$err"; fi
}
check_out() {
	cat >.expect
	if cmp -s .expect "$out"; then pass "$1"; else fail "$1"; diff -u .expect "$out" | show; show <"$err"; fi
}
check_grep() {
	if grep -qE -- "$2" "$3"; then pass "$1"; else fail "$1"; echo "#   no /$2/ in:"; show <"$3"; fi
}
check_no_grep() {
	grep -qE -- "$2" "$3"
	case $? in
	1) pass "$1" ;;
	0) fail "$1"; echo "#   found /$2/ in:"; show <"$3" ;;
	*) fail "$1"; echo "#   cannot look for /$2/ in $3" ;; # a missing file, a bad pattern
	esac
}
# wait_for SECONDS command...: poll until the command succeeds; 1 when time is out.
wait_for() {
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -ge $end ] && return 1
		command -p sleep 0.05
	done
}
done_testing() { echo "1..$_n"; [ $_bad -eq 0 ]; }
