# tests/swap.sh - for the tests of a swap on PostgreSQL; sourced after postgres.sh and evproject.sh
#
#   p2.sql                          version 2 of p.sql; it counts what is added twice
#   rebuild FILE STORE ARG...       evproject rebuild, with the yes
#   rows STORE, sums STORE          the table, in key order; its rows and what they add up to
#   versions STORE                  "NAME|VERSION " of each in the ledger
sed 's/version 1/version 2/; s/n = acc.n + excluded.n/n = acc.n + 2 * excluded.n/' p.sql >p2.sql
rebuild() { local f=$1 s=$2; shift 2; run evproject rebuild "$f" --store "$s" --yes "$@"; }
rows() { sql "$1" 'SELECT * FROM acc ORDER BY k COLLATE "C"'; }
sums() { sql "$1" 'SELECT count(*), sum(n) FROM acc'; }
versions() { sql "$1" 'SELECT name, version FROM ev_projection ORDER BY 1' | tr '\n' ' '; }
