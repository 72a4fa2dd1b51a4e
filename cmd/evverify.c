/* evverify.c - prove that log and store agree, and say exactly where they don't (evverify(1)) */
#include "evverify/evverify.h"

int main(int argc, char **argv)
{
	return ev_command_main(&ev_verify_command, argc, argv);
}
