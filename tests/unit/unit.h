#ifndef CCP_UNIT_H
#define CCP_UNIT_H

/* cmocka.h wants these before it, in this order (cmocka 1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
