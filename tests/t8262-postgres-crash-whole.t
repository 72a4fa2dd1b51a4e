# t6000-evproject-crash.t on PostgreSQL, where every statement folds in memory
export EV_STORE=postgresql WAY=whole
. "$(dirname "$0")/t6000-evproject-crash.t"
