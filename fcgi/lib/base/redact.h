#ifndef CCP_REDACT_H
#define CCP_REDACT_H

#include "base/buf.h"

/*
 * Copies AWS's words for people: "(hidden)" stands for ARNs and account ids
 * (twelve digits in a row), which belong to the operator and not into a log, an
 * answer or a page. out gets a NUL; words that do not fit are cut, up to 16
 * bytes before its end. text is borrowed, size at least 1. Pure.
 */
void ccp_redact(char *out, size_t size, struct ccp_span text);

#endif
