#include "base/httpdate.h"

#include <string.h>
#include <time.h>

static const char *const weekdays[] = { "Sun",       "Mon",      "Tue",    "Wed",     "Thu",
	                                "Fri",       "Sat",      "Sunday", "Monday",  "Tuesday",
	                                "Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

struct date {
	int year, month, day; /* month and day count from 1 */
	int hour, minute, second;
};

/* The take_ functions cut what they name off the front of text, or return false or -1. */
static bool
take(struct ccp_span *text, const char *literal)
{
	size_t n = strlen(literal);

	if (text->len < n || memcmp(text->p, literal, n) != 0)
		return false;
	text->p += n;
	text->len -= n;
	return true;
}

static int
take_word(struct ccp_span *text, const char *const *words, int count)
{
	struct ccp_span word = { text->p, 0 };
	int i;

	while (word.len < text->len && ((word.p[word.len] >= 'A' && word.p[word.len] <= 'Z') ||
	                                (word.p[word.len] >= 'a' && word.p[word.len] <= 'z')))
		word.len++;
	for (i = 0; i < count; i++)
		if (ccp_span_is(word, words[i])) {
			text->p += word.len;
			text->len -= word.len;
			return i;
		}
	return -1;
}

static int
take_digits(struct ccp_span *text, size_t count)
{
	int value = 0;
	size_t i;

	if (text->len < count)
		return -1;
	for (i = 0; i < count; i++) {
		if (text->p[i] < '0' || text->p[i] > '9')
			return -1;
		value = value * 10 + (text->p[i] - '0');
	}
	text->p += count;
	text->len -= count;
	return value;
}

static bool
take_time(struct ccp_span *text, struct date *d)
{
	d->hour = take_digits(text, 2);
	if (!take(text, ":"))
		return false;
	d->minute = take_digits(text, 2);
	if (!take(text, ":"))
		return false;
	d->second = take_digits(text, 2);
	return true;
}

/* RFC 9110: two digits never mean a year more than 50 years ahead. */
static int
full_year(int two_digits, int64_t now_s)
{
	time_t now = (time_t)now_s;
	struct tm tm;
	int this_year, year;

	if (two_digits < 0 || !gmtime_r(&now, &tm))
		return -1;
	this_year = tm.tm_year + 1900;
	year = this_year - this_year % 100 + two_digits;
	if (year > this_year + 50)
		year -= 100;
	else if (year <= this_year - 50)
		year += 100;
	return year;
}

/* After "Sun, ": "06 Nov 1994 08:49:37 GMT" or "06-Nov-94 08:49:37 GMT". */
static bool
day_first(struct ccp_span text, int64_t now_s, struct date *d)
{
	const char *between;

	d->day = take_digits(&text, 2);
	between = text.len && text.p[0] == '-' ? "-" : " ";
	if (!take(&text, between))
		return false;
	d->month = take_word(&text, months, 12) + 1;
	if (!take(&text, between))
		return false;
	d->year = take_digits(&text, 4);
	if (d->year < 0)
		d->year = full_year(take_digits(&text, 2), now_s);
	return take(&text, " ") && take_time(&text, d) && take(&text, " GMT") && text.len == 0;
}

/* After "Sun ": "Nov  6 08:49:37 1994". */
static bool
month_first(struct ccp_span text, struct date *d)
{
	d->month = take_word(&text, months, 12) + 1;
	if (!take(&text, " "))
		return false;
	d->day = take(&text, " ") ? take_digits(&text, 1) : take_digits(&text, 2);
	if (!take(&text, " ") || !take_time(&text, d) || !take(&text, " "))
		return false;
	d->year = take_digits(&text, 4);
	return text.len == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool
exists(const struct date *d)
{
	return d->year >= 1600 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
	       d->day <= days_in_month(d->year, d->month) && d->hour >= 0 && d->hour <= 23 &&
	       d->minute >= 0 && d->minute <= 59 && d->second >= 0 && d->second <= 60;
}

static int64_t
unix_time(const struct date *d)
{
	/* years that begin in March, so that a leap day is the last of its year */
	int64_t year = d->month > 2 ? d->year : d->year - 1;
	int64_t month = d->month > 2 ? d->month - 3 : d->month + 9;
	int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 +
	               d->day - 1 - 719468; /* 719468: from 0000-03-01 to 1970-01-01 */

	return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

bool
ccp_httpdate_parse(struct ccp_span text, int64_t now_s, int64_t *at_s)
{
	struct date d = { 0 };
	bool whole;

	*at_s = 0;
	if (take_word(&text, weekdays, 14) < 0)
		return false;
	if (take(&text, ", "))
		whole = day_first(text, now_s, &d);
	else
		whole = take(&text, " ") && month_first(text, &d);
	if (!whole || !exists(&d))
		return false;
	*at_s = unix_time(&d);
	return true;
}
