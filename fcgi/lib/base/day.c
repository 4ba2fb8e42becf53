#include "base/day.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST_S 253402300799 /* 9999-12-31T23:59:59Z */

void
ccp_day_format(int64_t at_s, char day[CCP_DAY_BYTES])
{
	time_t t = (time_t)(at_s < 0 ? 0 : at_s > LAST_S ? LAST_S : at_s);
	struct tm tm;

	memcpy(day, "1970-01-01", CCP_DAY_BYTES);
	if (gmtime_r(&t, &tm))
		strftime(day, CCP_DAY_BYTES, "%Y-%m-%d", &tm);
}

bool
ccp_day_parse(const char *text, int64_t *at_s)
{
	static const char form[] = "dddd-dd-dd";
	char again[CCP_DAY_BYTES];
	struct tm tm = { 0 };
	int64_t at;

	*at_s = 0;
	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (int i = 0; form[i]; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	tm.tm_year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 +
	             (text[3] - '0') - 1900;
	tm.tm_mon = (text[5] - '0') * 10 + (text[6] - '0') - 1;
	tm.tm_mday = (text[8] - '0') * 10 + (text[9] - '0');
	at = (int64_t)timegm(&tm);
	/* timegm() moves February 30 into March: only a real day comes back as it went in */
	ccp_day_format(at, again);
	if (at < 0 || strcmp(again, text) != 0)
		return false;
	*at_s = at;
	return true;
}
