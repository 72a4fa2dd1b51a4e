/* error.c - see error.h */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ev_fail(struct ev_error *e, enum ev_class class, const char *fmt, ...)
{
	char text[sizeof(e->text)]; /* the arguments may point into the old text */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*e = (struct ev_error){ .class = class };
	memcpy(e->text, text, sizeof(text));
	return -1;
}

int ev_hint(struct ev_error *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -1;
}

int ev_context(struct ev_error *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ": %s", e->text);
	memcpy(e->text, text, sizeof(text));
	return -1;
}
