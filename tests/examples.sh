# tests/examples.sh - sourced after lib.sh: runs the examples of a document (convention: docs/testing.md)
#
#   examples FILE local|all     local leaves out what needs a broker
_documents=0

# Prints, for each example of a document in order, "local" or "broker", a blank and the command; files
# that the document shows by name are written to the working directory.
_extract() {
	awk '
	FILENAME ~ /\.md$/ {
		if (/^```/) { kind = ""; if (!open && /^```console/) kind = /broker/ ? "broker" : "local"; open = !open }
		else if (kind && /^\$ /) print kind, substr($0, 3)
		next
	}
	/^\.\\" broker/ { mark = "broker"; next }
	/^\.\\" file: / { file = $3; next }
	/^\.Bd .*-literal/ { open = 1; kind = mark ? mark : "local"; mark = ""; if (file) printf "" >file; next }
	/^\.Ed/ { open = 0; if (file) close(file); file = ""; next }
	open {
		gsub(/\\&/, ""); gsub(/\\-/, "-"); gsub(/\\\(dq/, "\""); gsub(/\\e/, "\\")
		if (file) print >file
		else if (/^\$ /) print kind, substr($0, 3)
	}' "$1"
}

examples() {
	local where command want got dir=$T/document$((_documents += 1)) n=0
	mkdir "$dir" && ln -s "$TOP/projections" "$TOP/scripts" "$dir" && cd "$dir" || return
	_extract "$1" >.examples
	while read -r where command <&3; do
		[ "$where" = local ] || [ "$2" = all ] || continue
		n=$((n + 1)) want=0
		[[ $command =~ \#\ exit\ ([0-9]+)$ ]] && want=${BASH_REMATCH[1]}
		timeout 120 bash -o pipefail -c "$command" >.out 2>.err </dev/null
		got=$?
		if [ $got -eq "$want" ]; then pass "${1##*/}: $command"; else
			fail "${1##*/}: $command"
			echo "#   exit status $got, expected $want"
			show <.err
		fi
	done 3<.examples
	[ "$n" -gt 0 ] || echo "# ${1##*/}: no examples here"
	cd "$T" || return
}
