#include "unit.h"

#include "base/body.h"

#include <string.h>

/* Small and mapped bodies, grown and shrunk over the border between them: the bytes stay. */
static void
bytes_survive_every_size(void **state)
{
	static const size_t sizes[] = { 10, 20000, 100, 70000, 1, 16384, 16383, 5000000, 3 };
	struct ccp_body body;
	size_t i, k, least = sizes[0];

	(void)state;
	assert_int_equal(ccp_body_new(&body, sizes[0], NULL), CCP_OK);
	memset(body.data, 'x', body.len);
	for (i = 1; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(ccp_body_resize(&body, sizes[i], NULL), CCP_OK);
		assert_int_equal(body.len, sizes[i]);
		least = sizes[i] < least ? sizes[i] : least;
		for (k = 0; k < least; k++)
			assert_int_equal(body.data[k], 'x');
		memset(body.data, 'x', body.len);
		least = body.len;
	}
	ccp_body_clear(&body);
	assert_null(body.data);
	ccp_body_clear(&body); /* twice is fine */
}

static void
empty_and_impossible(void **state)
{
	struct ccp_body body;

	(void)state;
	assert_int_equal(ccp_body_new(&body, 0, NULL), CCP_OK);
	assert_int_equal(body.len, 0);
	assert_int_equal(ccp_body_resize(&body, 8, NULL), CCP_OK);
	assert_int_equal(ccp_body_resize(&body, 0, NULL), CCP_OK);
	assert_int_equal(ccp_body_new(&body, (size_t)1 << 62, NULL), CCP_ERR_NOMEM);
	assert_null(body.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_survive_every_size),
		cmocka_unit_test(empty_and_impossible),
	};

	return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
