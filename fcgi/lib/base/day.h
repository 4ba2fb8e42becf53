#ifndef CCP_DAY_H
#define CCP_DAY_H

#include <stdbool.h>
#include <stdint.h>

/* Days of UTC as "YYYY-MM-DD", years 1970 to 9999; pure. */
#define CCP_DAY_BYTES 11 /* ten characters and the NUL */
#define CCP_DAY_S 86400

/* The day of the Unix time at_s; times outside of the range are clamped to it. */
void ccp_day_format(int64_t at_s, char day[CCP_DAY_BYTES]);

/* Unix time of that day's beginning. False, and 0, when text is not a day that exists. */
bool ccp_day_parse(const char *text, int64_t *at_s);

#endif
