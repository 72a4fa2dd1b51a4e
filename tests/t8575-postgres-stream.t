# Rows by COPY in binary are the rows by cursor, value for value (tests/unit/stream_test.c).
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/postgres.sh"
database db
EV_STREAM_POSTGRES=$db "$EV_BUILD/unit/stream_test"
