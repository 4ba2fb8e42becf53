#ifndef CCP_VECTORS_H
#define CCP_VECTORS_H

#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Published test vectors (AWS's, botocore's, smithy's) that are too large to be
 * kept here: a folder beside the source tree, which need not be there. Tests
 * that want it skip without it.
 */
#define VECTORS_FOLDER "../shared/data/vectors"
#define VECTORS_PATH_BYTES 1024

/* Path of a file or folder among the vectors; false when there is none. */
static inline bool
vectors_path(char path[VECTORS_PATH_BYTES], const char *name)
{
	const char *srcdir = getenv("srcdir"); /* set by automake's test driver */

	snprintf(path, VECTORS_PATH_BYTES, "%s/%s/%s", srcdir ? srcdir : ".", VECTORS_FOLDER, name);
	return access(path, R_OK) == 0;
}

/*
 * The same at the head of a test, which returns on false. Not cmocka's skip():
 * version 1.1.5 writes "not ok # SKIP", and that is a failure to TAP readers.
 */
static inline bool
vectors_here(char path[VECTORS_PATH_BYTES], const char *name)
{
	if (vectors_path(path, name))
		return true;
	print_message("# skipped: there is no %s\n", path);
	return false;
}

/* The whole file with a NUL behind it, for free(); NULL when it cannot be read. */
static inline char *
slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	size_t got = 0, cap = 0;

	*len = 0;
	if (!f)
		return NULL;
	for (;;) {
		if (got + 4096 > cap) {
			char *grown = realloc(text, cap += 65536);

			if (!grown)
				abort();
			text = grown;
		}
		*len = fread(text + got, 1, 4095, f);
		if (*len == 0)
			break;
		got += *len;
	}
	fclose(f);
	text[got] = '\0';
	*len = got;
	return text;
}

#endif
