#include "base/body.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAP_FROM_BYTES (16 * 1024)

enum ccp_err
ccp_body_new(struct ccp_body *body, size_t len, struct ccp_error *err)
{
	void *p;

	*body = (struct ccp_body){ 0 };
	if (len == 0)
		return CCP_OK;
	if (len >= MAP_FROM_BYTES) {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			p = NULL;
		else
			body->mapped = len;
	} else {
		p = malloc(len);
	}
	if (!p)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for a body of %zu bytes", len);
	body->data = p;
	body->len = len;
	return CCP_OK;
}

enum ccp_err
ccp_body_resize(struct ccp_body *body, size_t len, struct ccp_error *err)
{
	struct ccp_body other;
	enum ccp_err rc = ccp_body_new(&other, len, err);

	if (rc)
		return rc;
	if (body->len && len)
		memcpy(other.data, body->data, body->len < len ? body->len : len);
	ccp_body_clear(body);
	*body = other;
	return CCP_OK;
}

void
ccp_body_clear(struct ccp_body *body)
{
	if (body->mapped)
		munmap(body->data, body->mapped);
	else
		free(body->data);
	*body = (struct ccp_body){ 0 };
}
