#ifndef CCP_CLOCK_H
#define CCP_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC, for durations: nobody sets it. Any thread. */
int64_t ccp_clock_ms(void);

/* Milliseconds of Unix time, for what others are told and what is stored. Any thread. */
int64_t ccp_clock_unix_ms(void);

/* The moment of the monotonic clock that is in_ms from now, for waits on conditions. */
struct timespec ccp_clock_in(int64_t in_ms);

#endif
