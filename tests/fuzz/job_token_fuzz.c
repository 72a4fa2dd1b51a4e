/* job_token_fuzz.c - any bytes are a job's token or an error; what is read can be written and read */
#include <stdlib.h>
#include <string.h>

#include "sink/job_token.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_same(const struct ev_job_token *t)
{
	struct ev_job_token again = { 0 };
	struct ev_buf one = EV_BUF_INIT, two = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;

	ev_job_token_print(t, &one);
	if (ev_job_token_read(&again, ev_buf_slice(&one), &err))
		abort();
	ev_job_token_print(&again, &two);
	if (!ev_slice_eq(ev_buf_slice(&one), ev_buf_slice(&two)))
		abort();
	ev_job_token_release(&again);
	ev_buf_release(&one);
	ev_buf_release(&two);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_job_token t = { 0 };

	if (!ev_job_token_read(&t, ev_slice((const char *)data, size), &err))
		check_same(&t);
	else if (err.class != EV_DATA)
		abort();
	ev_job_token_release(&t);
	return 0;
}
