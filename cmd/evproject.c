/* evproject.c - apply a projection file to a store: once or following (evproject(1)) */
#include <sqlite3.h>

#include "evproject/evproject.h"

static const struct ev_command *const subs[] = {
	&ev_draft_command, &ev_check_command, &ev_test_command, &ev_run_command,
	&ev_rebuild_command, &ev_rollback_command, &ev_diff_command, &ev_show_command,
	&ev_history_command, &ev_status_command, &ev_dead_command, &ev_drop_command, NULL,
};

static const struct ev_command evproject = {
	.name = "evproject",
	.about = "apply a projection file to a store",
	.synopsis = "COMMAND [OPTION]...",
	.subs = subs,
};

int main(int argc, char **argv)
{
	/* Nobody asks how much memory it has, and to count takes a lock around each allocation. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	return ev_command_main(&evproject, argc, argv);
}
