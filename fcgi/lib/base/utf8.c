#include "base/utf8.h"

size_t
ccp_utf8_char(const char *p, size_t len, uint32_t *code_point)
{
	/* the smallest value that needs so many bytes: less is an overlong form */
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = len ? (unsigned char)p[0] : 0xff;
	uint32_t value;
	size_t need, i;

	if (first < 0x80) {
		need = 1;
		value = first;
	} else if (first >= 0xc2 && first <= 0xdf) {
		need = 2;
		value = first & 0x1f;
	} else if (first >= 0xe0 && first <= 0xef) {
		need = 3;
		value = first & 0x0f;
	} else if (first >= 0xf0 && first <= 0xf4) {
		need = 4;
		value = first & 0x07;
	} else {
		return 0;
	}
	if (need > len)
		return 0;
	for (i = 1; i < need; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
		value = (value << 6) | ((unsigned char)p[i] & 0x3f);
	}
	if (value < smallest[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	if (code_point)
		*code_point = value;
	return need;
}
