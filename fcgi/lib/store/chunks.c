#include "store/chunks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
add_chunk(struct ccp_chunks *chunks)
{
	char *chunk;

	if (!chunks->list)
		chunks->list = calloc(CCP_CHUNKS_MAX_COUNT, sizeof(*chunks->list));
	if (!chunks->list || chunks->count == CCP_CHUNKS_MAX_COUNT)
		return false;
	chunk = malloc(CCP_CHUNK_BYTES);
	if (!chunk)
		return false;
	/* the very first unit stays free: its name would be 0 */
	chunks->used = chunks->count ? 0 : CCP_CHUNK_UNIT;
	chunks->list[chunks->count++] = chunk;
	return true;
}

uint32_t
ccp_chunks_add(struct ccp_chunks *chunks, size_t size)
{
	size_t at;

	size = (size + CCP_CHUNK_UNIT - 1) / CCP_CHUNK_UNIT * CCP_CHUNK_UNIT;
	if ((!chunks->count || chunks->used + size > CCP_CHUNK_BYTES) && !add_chunk(chunks))
		return 0;
	at = chunks->used;
	chunks->used += size;
	memset(chunks->list[chunks->count - 1] + at, 0, size);
	return (uint32_t)((chunks->count - 1) * CCP_CHUNK_UNITS + at / CCP_CHUNK_UNIT);
}

void
ccp_chunks_clear(struct ccp_chunks *chunks)
{
	for (size_t i = 0; i < chunks->count; i++)
		free(chunks->list[i]);
	free(chunks->list);
	*chunks = (struct ccp_chunks){ 0 };
}
