#include "base/log.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum ccp_log_level most = CCP_LOG_INFO;
static bool as_json;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void
ccp_log_setup(enum ccp_log_level level, bool json)
{
	most = level;
	as_json = json;
}

/*
 * Copies text to out (size bytes) with everything escaped that could end a
 * line or a string. What is not UTF-8 becomes '?', and no character is cut in
 * the middle: a JSON line must stay one.
 */
static void
escape(char *out, size_t size, const char *text)
{
	size_t left = strlen(text), n = 0, bytes;

	for (; left && n + 7 < size; text += bytes, left -= bytes) {
		unsigned char c = (unsigned char)*text;

		bytes = ccp_utf8_char(text, left, NULL);
		if (bytes == 0) {
			bytes = 1;
			out[n++] = '?';
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, size - n, "\\u%04x", c);
		} else if (as_json && (c == '"' || c == '\\')) {
			n += (size_t)snprintf(out + n, size - n, "\\%c", c);
		} else {
			memcpy(out + n, text, bytes);
			n += bytes;
		}
	}
	out[n] = '\0';
}

/* ,"name":1,… or nothing */
static void
write_figures(char *out, size_t size, const struct ccp_log_figure *figures, size_t count)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count && i < CCP_LOG_FIGURES_MAX && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, ",\"%s\":%lld", figures[i].name,
		                      (long long)figures[i].value);
}

static void
write_line(enum ccp_log_level level, const char *request_id, const struct ccp_log_figure *figures,
           size_t count, const char *fmt, va_list ap)
{
	char sentence[1024], safe[1536], added[CCP_LOG_FIGURES_MAX * 44], stamp[32];
	char line[CCP_LOG_MAX_BYTES];
	struct timespec now;
	struct tm tm;
	int n;

	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	escape(safe, sizeof(safe), sentence);
	write_figures(added, sizeof(added), figures, count);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	if (as_json)
		n = snprintf(line, sizeof(line),
		             "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"request_id\":%s%s%s%s,"
		             "\"message\":\"%s\"}\n",
		             stamp, now.tv_nsec / 1000000, level_names[level],
		             request_id ? "\"" : "", request_id ? request_id : "null",
		             request_id ? "\"" : "", added, safe);
	else
		n = snprintf(line, sizeof(line), "%s.%03ldZ %s %s %s\n", stamp,
		             now.tv_nsec / 1000000, level_names[level],
		             request_id ? request_id : "-", safe);
	if (n > 0)
		(void)!write(STDERR_FILENO, line,
		             (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void
ccp_log(enum ccp_log_level level, const char *request_id, const char *fmt, ...)
{
	va_list ap;

	if (level > most)
		return;
	va_start(ap, fmt);
	write_line(level, request_id, NULL, 0, fmt, ap);
	va_end(ap);
}

void
ccp_log_figures(enum ccp_log_level level, const char *request_id,
                const struct ccp_log_figure *figures, size_t count, const char *fmt, ...)
{
	va_list ap;

	if (level > most)
		return;
	va_start(ap, fmt);
	write_line(level, request_id, figures, count, fmt, ap);
	va_end(ap);
}
