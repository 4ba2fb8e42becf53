#ifndef CCP_JSON_SCAN_H
#define CCP_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The inner loop of json.c and json_valid.c, for these two only. */

/* Sixteen bytes that are compared at once (gcc and clang, any processor). */
typedef signed char ccp_bytes16 __attribute__((vector_size(16)));
typedef uint64_t ccp_halves16 __attribute__((vector_size(16)));

/*
 * Goes over bytes of a string that need no look: none of them is a quote or a
 * backslash nor, where strict, a control character or above 0x7f (which as a
 * signed byte is below 0x20, too). Stops at the first that is, or less than 16
 * bytes before end.
 */
static inline const char *
ccp_json_skip_plain(const char *p, const char *end, bool strict)
{
	ccp_bytes16 bytes;
	ccp_halves16 special;

	for (; end - p >= 16; p += 16) {
		memcpy(&bytes, p, sizeof(bytes));
		special = (ccp_halves16)((bytes == '"') | (bytes == '\\'));
		if (strict)
			special |= (ccp_halves16)(bytes < 0x20);
		if (!(special[0] | special[1]))
			continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		if (special[0])
			return p + __builtin_ctzll(special[0]) / 8;
		return p + 8 + __builtin_ctzll(special[1]) / 8;
#else
		break;
#endif
	}
	return p;
}

#endif
