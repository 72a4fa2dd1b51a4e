# t6000-evproject-crash.t where every statement folds in memory
export WAY=whole
. "$(dirname "$0")/t6000-evproject-crash.t"
