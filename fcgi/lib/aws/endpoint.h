#ifndef CCP_ENDPOINT_H
#define CCP_ENDPOINT_H

#include "aws/profile.h"
#include "base/buf.h"
#include "base/config.h"

/*
 * Regions and endpoints: what the settings say, else the profile, else AWS's
 * own. Pure.
 *
 * An endpoint is, first of these that is there: AWS_ENDPOINT_URL_<SERVICE>,
 * AWS_ENDPOINT_URL, the profile's services section, the profile's
 * endpoint_url; AWS_IGNORE_CONFIGURED_ENDPOINT_URLS (or the profile's
 * ignore_configured_endpoint_urls) turns all four off. Else
 * https://SERVICE.REGION.SUFFIX.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints",
 * "Dual-stack and FIPS endpoints", "AWS Region" (2026); suffixes of the
 * partitions: botocore 0e6e2404 (2026-08-07).
 */
enum ccp_aws_service { CCP_AWS_BEDROCK_RUNTIME, CCP_AWS_DYNAMODB, CCP_AWS_STS };
#define CCP_AWS_SERVICES_COUNT 3

/* A label of a host name; the longest region in 2026 has 14 characters. */
#define CCP_REGION_MAX_BYTES 64
/* Endpoints are host names with a port, and seldom a path. */
#define CCP_ENDPOINT_MAX_BYTES 512

/* What a profile says of places; "" = nothing. */
struct ccp_places {
	char region[CCP_REGION_MAX_BYTES];
	char url[CCP_AWS_SERVICES_COUNT][CCP_ENDPOINT_MAX_BYTES];
	bool ignore_urls;
	bool fips;
	bool dualstack;
	char metadata_endpoint[CCP_ENDPOINT_MAX_BYTES];
	char metadata_mode[16];
};

/*
 * Takes what the profile of that name says (all "" when there is none). A
 * region or URL that cannot be right is left out with a warning in the log.
 */
void ccp_places_read(struct ccp_places *places, const struct ccp_config *config,
                     const struct ccp_profiles *profiles, const char *name);

/* AWS_REGION, the profile's, us-east-1. Borrowed from config or places. */
const char *ccp_places_region(const struct ccp_places *places, const struct ccp_config *config);

/* Appends the endpoint's URL, without a slash at its end. */
void ccp_places_endpoint(const struct ccp_places *places, const struct ccp_config *config,
                         enum ccp_aws_service service, const char *region, struct ccp_buf *url);

#endif
