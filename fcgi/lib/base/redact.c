#include "base/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* AWS account ids have twelve digits. */
#define ACCOUNT_DIGITS 12
#define HIDDEN "(hidden)"
/* What one step may write, and the NUL. */
#define ROOM 16

static bool
ends_an_arn(char c)
{
	return c == '\0' || isspace((unsigned char)c) || strchr("\"'`(),;<>[]{}", c);
}

/* Bytes at the beginning of text that are not for people; 0: none. */
static size_t
secret_length(struct ccp_span text)
{
	size_t n = 0;

	if (text.len >= 8 && strncasecmp(text.p, "arn:aws", 7) == 0) {
		while (n < text.len && !ends_an_arn(text.p[n]))
			n++;
		return n;
	}
	while (n < text.len && isdigit((unsigned char)text.p[n]))
		n++;
	return n == ACCOUNT_DIGITS ? n : 0;
}

void
ccp_redact(char *out, size_t size, struct ccp_span text)
{
	bool in_number = false; /* the last digits of a longer number are no account */
	size_t i = 0, n = 0, hide;

	while (i < text.len && n + ROOM < size) {
		hide = in_number ? 0 : secret_length((struct ccp_span){ text.p + i, text.len - i });
		if (hide) {
			memcpy(out + n, HIDDEN, sizeof(HIDDEN) - 1);
			n += sizeof(HIDDEN) - 1;
			i += hide;
			continue;
		}
		in_number = isdigit((unsigned char)text.p[i]);
		out[n++] = text.p[i++];
	}
	out[n] = '\0';
}
