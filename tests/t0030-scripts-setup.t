# scripts/setup on machines that lack things: a PATH of few tools, and an apt that only writes down what it is told.
. "$(dirname "$0")/lib.sh"
setup=$TOP/scripts/setup

run "$setup"
check_status 0 "where building works nothing is to be done"
check "and nothing is said" test ! -s "$out" -a ! -s "$err"
run "$setup" --tests
check_status 2 "an unknown option is a usage error"

mkdir bin
for tool in bash env sed head sort id grep uname cat; do ln -s "$(command -v $tool)" bin/; done
bare() { run env -i PATH="$T/bin" "$@"; }

bare "$setup" --test
check_status 2 "without apt it cannot install"
for manager in dnf pacman brew; do
	check_grep "it names what $manager would install" "$manager .*librdkafka.*maven" "$err"
done
check_no_grep "no placeholder is left" 'RUNTIME|JAVA|KCAT' "$err"

# fake_apt JAVA PACKAGE...: a release with this default Java, and these candidates
fake_apt() {
	cat >bin/apt-cache <<END
#!/bin/bash
case "\$1 \$2" in
"depends clang") echo "  Depends: clang-14" ;;
"depends default-jre-headless") echo "  Depends: openjdk-$1-jre-headless" ;;
policy*) case " ${*:2} " in *" \$2 "*) echo "  Candidate: 1:14.0" ;; *) echo "  Candidate: (none)" ;; esac ;;
esac
END
	printf '#!/bin/bash\necho "$*" >>"%s/apt.log"\n' "$T" >bin/apt-get
	chmod +x bin/apt-cache bin/apt-get
	rm -f apt.log
}
fake_apt 17 kcat libclang-rt-14-dev
bare "$setup" --test --dry-run
check_status 0 "Debian 12, --dry-run ends with 0"
check_grep "it says what it would install" 'installing with apt: .*default-jre-headless.* kcat .*libclang-rt-14-dev' "$out"
check "and asks apt for nothing" test ! -e apt.log
bare "$setup" --dry-run
check_grep "without --test only what building needs" 'librdkafka-dev' "$out"
check_no_grep "and no Java" 'jre|maven|clang' "$out"

fake_apt 11
bare "$setup" --test --dry-run
check_grep "Ubuntu 22.04: kcat is called kafkacat, and the runtime and Java are others" \
	'kafkacat.*libclang-common-14-dev.*openjdk-17-jre-headless' "$out"

if [ "$(id -u)" = 0 ]; then
	bare "$setup"
	check_status 2 "an apt that installs nothing is found out"
	check_grep "the lists are fetched first" '^-q -q update$' <(head -n 1 apt.log)
	check_grep "then the packages are installed without questions" '^-q -y --no-install-recommends install .*zlib1g-dev' apt.log
	check_grep "and what is missing is named" 'still not usable: .*librdkafka-dev' "$err"
else
	bare "$setup"
	check_status 2 "neither root nor sudo"
	check_grep "it says what root is to run" 'as root run: scripts/setup' "$err"
fi
done_testing
