#ifndef CCP_UTF8_H
#define CCP_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes (1 to 4) of the UTF-8 character at p, of which len bytes are
 * there; its code point goes to *code_point (which may be NULL). 0 when the
 * bytes are not UTF-8 or are cut: overlong forms, surrogates and values over
 * U+10FFFF are not UTF-8. Pure.
 *
 * Source: RFC 3629, section 4 (November 2003).
 */
size_t ccp_utf8_char(const char *p, size_t len, uint32_t *code_point);

#endif
