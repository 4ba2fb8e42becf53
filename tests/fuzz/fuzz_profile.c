/*
 * What the profile parser read, written down again as a file, reads the same.
 *
 * Input: one byte (bit 0: a config file, else a credentials file), then the file.
 */
#include "aws/profile.h"
#include "base/buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A value goes over as many lines as it has; those after the first are indented. */
static void
write_value(struct ccp_buf *b, const char *value)
{
	for (; *value; value++)
		ccp_buf_puts(b, *value == '\n' ? "\n " : (char[]){ *value, '\0' });
}

static void
write_profiles(struct ccp_buf *b, const struct ccp_profiles *all, enum ccp_profile_kind kind)
{
	size_t i, j;

	for (i = 0; i < all->profiles.count; i++) {
		const struct ccp_profile *p = &all->profiles.items[i];

		ccp_buf_addf(b, "[%s%s]\n", kind == CCP_PROFILE_CONFIG ? "profile " : "", p->name);
		for (j = 0; j < p->count; j++) {
			ccp_buf_addf(b, "%s=", p->properties[j].name);
			write_value(b, p->properties[j].value);
			ccp_buf_puts(b, "\n");
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ccp_profiles first = CCP_PROFILES_INIT, second = CCP_PROFILES_INIT;
	struct ccp_buf one = CCP_BUF_INIT(16 * 1024 * 1024), two = CCP_BUF_INIT(16 * 1024 * 1024);
	struct ccp_error err = { .code = CCP_OK };
	enum ccp_profile_kind kind;
	enum ccp_err rc;

	if (size < 1)
		return 0;
	kind = data[0] & 1 ? CCP_PROFILE_CONFIG : CCP_PROFILE_CREDENTIALS;
	rc = ccp_profile_parse(&first, kind, "f", (const char *)data + 1, size - 1, &err);
	if (rc && (rc != err.code || !err.text[0]))
		abort();
	if (!rc) {
		write_profiles(&one, &first, kind);
		if (one.len <= CCP_PROFILE_FILE_MAX_BYTES) {
			if (ccp_profile_parse(&second, kind, "f", ccp_buf_text(&one), one.len,
			                      &err))
				abort();
			write_profiles(&two, &second, kind);
			if (one.len != two.len ||
			    strcmp(ccp_buf_text(&one), ccp_buf_text(&two)) != 0)
				abort();
		}
	}
	ccp_profiles_clear(&first);
	ccp_profiles_clear(&second);
	ccp_buf_clear(&one);
	ccp_buf_clear(&two);
	return 0;
}
