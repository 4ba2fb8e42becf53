#ifndef CCP_CHUNKS_H
#define CCP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory for very many small records that all go at once: no header a record,
 * names of 4 bytes instead of pointers of 8, and nothing is copied to grow.
 */
#define CCP_CHUNK_BYTES 65536

/* 256 MiB: over a million users with three models each. */
#define CCP_CHUNKS_MAX_COUNT 4096

#define CCP_CHUNK_UNIT 8 /* records begin at a multiple of it */
#define CCP_CHUNK_UNITS (CCP_CHUNK_BYTES / CCP_CHUNK_UNIT)

struct ccp_chunks {
	char **list; /* owned, CCP_CHUNKS_MAX_COUNT of them; NULL while empty */
	size_t count;
	size_t used; /* bytes of the last one */
};

/* Gives a name to size bytes of zeros (at most CCP_CHUNK_BYTES / 2); 0: no memory, or the ceiling. */
uint32_t ccp_chunks_add(struct ccp_chunks *chunks, size_t size);

/* Where they are; they stay there until the chunks are cleared. name is not 0. */
static inline void *
ccp_chunks_at(const struct ccp_chunks *chunks, uint32_t name)
{
	return chunks->list[name / CCP_CHUNK_UNITS] + name % CCP_CHUNK_UNITS * CCP_CHUNK_UNIT;
}

void ccp_chunks_clear(struct ccp_chunks *chunks);

#endif
