/* json_fuzz.c - what is accepted jansson accepts too, and all values are slices of the input */
#include <jansson.h>
#include <stdlib.h>

#include "json/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
#define MUST(x) ((x) ? (void)0 : abort())

static void look(const struct ev_value *v, struct ev_slice in)
{
	struct ev_buf scratch = EV_BUF_INIT;
	const bool object = v->type == EV_JSON_OBJECT;
	struct ev_value name, inner;
	struct ev_each it;
	struct ev_slice text;

	MUST(v->raw.ptr >= in.ptr && v->raw.ptr + v->raw.len <= in.ptr + in.len);
	if (v->type == EV_JSON_STRING && !ev_value_text(v, &scratch, &text))
		MUST(ev_utf8_valid(text) && text.len <= v->raw.len);
	ev_each_begin(&it, v);
	while (object ? ev_member_next(&it, &name, &inner) : ev_each_next(&it, &inner))
		look(&inner, v->raw);
	ev_buf_release(&scratch);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct ev_slice in = { (const char *)data, size };
	struct ev_json_error e = { 0, NULL };
	struct ev_paths *p = ev_paths_new();
	struct ev_value v[2], top;
	bool ok = !ev_json_validate(in, &top, &e);
	json_error_t why = { .text = "" };
	json_t *tree = json_loadb(in.ptr, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);

	MUST(!ev_paths_add(p, "$", 1, NULL) && ev_paths_add(p, "$.a[1].b", 8, NULL) == 1);
	MUST(ok == !ev_json_extract(p, in, v, &e) && (ok || (e.at <= size && e.what)));
	if (ok)
		look(&v[0], in);
	if (ok && !tree) /* its own limits: NUL in names, 64 bits, lone surrogates */
		MUST(json_error_code(&why) == json_error_null_byte_in_key ||
		     json_error_code(&why) == json_error_numeric_overflow ||
		     strncmp(why.text, "invalid Unicode", 15) == 0);
	json_decref(tree);
	ev_paths_free(p);
	return 0;
}
