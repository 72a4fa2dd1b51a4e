/* secrets_test.c - which words hold a password, and what is left of them */
#include "test.h"

#include "base/mem.h"
#include "common/secrets.h"

static void masked(const char *text, const char *want)
{
	struct ev_buf out = EV_BUF_INIT;

	ev_secrets_mask(&out, text);
	CHECK(strcmp(ev_buf_str(&out), want) == 0, "'%s' is shown as '%s'", want, ev_buf_str(&out));
	ev_buf_release(&out);
}

static void in_argv(const char *word, const char *shown)
{
	char *argv[] = { ev_strdup("evx"), ev_strdup(word), NULL };
	char *original = argv[1];
	char **copies = ev_secrets_take(2, argv);

	CHECK(strcmp(original, shown) == 0, "ps shows %s", original);
	CHECK(strcmp(argv[1], word) == 0, "and the command still has what was given");
	CHECK(!copies == (strcmp(word, shown) == 0), "a copy is made where it must be");
	free(argv[0]);
	free(original);
	ev_secrets_free(copies);
}

int main(void)
{
	masked("", "");
	masked("cannot open store 'postgresql://app:pw@h:5432/db': no",
	       "cannot open store 'postgresql://app:***@h:5432/db': no");
	masked("postgres:/app:pw@h/db", "postgres:/app:***@h/db");
	masked("jdbc:postgresql://app:p%40w@h/db", "jdbc:postgresql://app:***@h/db");
	masked("postgresql://h/db?user=a&password=pw&x=1", "postgresql://h/db?user=a&password=***&x=1");
	masked("postgresql://a:pw@h/db?sslpassword=pw", "postgresql://a:***@h/db?sslpassword=***");
	masked("host=h password=pw dbname=d", "host=h password=*** dbname=d");
	masked("no property 'sasl.PASSWORD=pw'", "no property 'sasl.PASSWORD=***'");
	masked("sasl.oauthbearer.client.secret=pw", "sasl.oauthbearer.client.secret=***");
	/* what is none */
	masked("orders/3@12: 10:30 joe@example.org", "orders/3@12: 10:30 joe@example.org");
	masked("postgresql://app@127.0.0.1:5432/db", "postgresql://app@127.0.0.1:5432/db");
	masked("postgresql://app:@h/db, password=", "postgresql://app:@h/db, password=");
	masked("v.sql:3:5: mailto:joe@example.org", "v.sql:3:5: mailto:joe@example.org");

	in_argv("postgresql://app:pw@h/db", "postgresql://app:xx@h/db");
	in_argv("--store=postgresql://app:pw@h/db?password=pw&x=1",
		"--store=postgresql://app:xx@h/db?password=xx&x=1");
	in_argv("sasl.password=p w", "sasl.password=xxx");
	in_argv("view.db", "view.db");
	in_argv("orders/0@12", "orders/0@12");
	return test_done();
}
