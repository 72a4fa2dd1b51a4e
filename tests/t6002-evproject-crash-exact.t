# t6000-evproject-crash.t where nothing folds in memory
export WAY=exact
. "$(dirname "$0")/t6000-evproject-crash.t"
