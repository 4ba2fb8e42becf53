#ifndef CCP_HTTPDATE_H
#define CCP_HTTPDATE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads an HTTP date in any of its three forms:
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
 *   Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
 *   Sun Nov  6 08:49:37 1994          asctime
 *
 * text     borrowed, without white space around it.
 * now_s    Unix time; a year of two digits is the one nearest to it.
 * at_s     Unix time; 0 when this returns false.
 *
 * The name of the weekday is not compared with the date: the date counts. A
 * second of 60 (a leap second) is the next minute. Pure.
 *
 * Source: RFC 9110, 5.6.7 (June 2022).
 */
bool ccp_httpdate_parse(struct ccp_span text, int64_t now_s, int64_t *at_s);

#endif
