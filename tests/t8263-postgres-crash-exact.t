# t6000-evproject-crash.t on PostgreSQL, where nothing folds in memory
export EV_STORE=postgresql WAY=exact
. "$(dirname "$0")/t6000-evproject-crash.t"
