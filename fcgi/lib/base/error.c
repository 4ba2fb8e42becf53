#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

enum ccp_err
ccp_fail(struct ccp_error *err, enum ccp_err code, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		err->code = code;
		va_start(ap, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
		va_end(ap);
	}
	return code;
}
