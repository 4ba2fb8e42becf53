#include "aws/endpoint.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_REGION "us-east-1"

static const struct {
	const char *host;    /* first label */
	const char *section; /* in a services section */
} services[CCP_AWS_SERVICES_COUNT] = {
	[CCP_AWS_BEDROCK_RUNTIME] = { "bedrock-runtime", "bedrock_runtime" },
	[CCP_AWS_DYNAMODB] = { "dynamodb", "dynamodb" },
	[CCP_AWS_STS] = { "sts", "sts" },
};

/* Suffixes of the partitions that do not share the common one. */
static const struct {
	const char *region_prefix, *suffix, *dualstack;
} partitions[] = {
	{ "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn" },
	{ "eusc-", "amazonaws.eu", "api.amazonwebservices.eu" },
	{ "us-iso-", "c2s.ic.gov", "api.aws.ic.gov" },
	{ "us-isob-", "sc2s.sgov.gov", "api.aws.scloud" },
	{ "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk" },
	{ "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov" },
	{ "", "amazonaws.com", "api.aws" },
};

static bool
is_set(const char *s)
{
	return s && s[strspn(s, " \t")] != '\0';
}

static bool
is_region(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s) &&
	       strlen(s) < CCP_REGION_MAX_BYTES;
}

static bool
is_true(const struct ccp_profile *profile, const char *name)
{
	const char *value = ccp_profile_get(profile, name);

	return value && strcasecmp(value, "true") == 0;
}

static void
copy(char *to, size_t size, const char *value)
{
	if (is_set(value) && strlen(value) < size)
		snprintf(to, size, "%s", value);
}

/* Keeps a URL that may be used; the value is not logged, as people put passwords into URLs. */
static void
check_url(char *url, const struct ccp_config *config, const char *name, const char *what)
{
	if (*url && !ccp_config_url_ok(config, url)) {
		ccp_log(CCP_LOG_WARNING, NULL,
		        "%s of AWS profile \"%s\" is not used: not a URL of host, port and path, "
		        "or plain http to another machine",
		        what, name);
		*url = '\0';
	}
}

static void
read_urls(struct ccp_places *places, const struct ccp_config *config,
          const struct ccp_profiles *profiles, const struct ccp_profile *profile)
{
	const struct ccp_profile *section =
		ccp_profile_find_services(profiles, ccp_profile_get(profile, "services"));
	size_t i;

	for (i = 0; i < CCP_AWS_SERVICES_COUNT; i++) {
		char *url = places->url[i];

		if (section)
			(void)ccp_profile_get_inner(section, services[i].section, "endpoint_url",
			                            url, CCP_ENDPOINT_MAX_BYTES);
		if (!*url)
			copy(url, CCP_ENDPOINT_MAX_BYTES, ccp_profile_get(profile, "endpoint_url"));
		check_url(url, config, profile->name, "an endpoint_url");
	}
}

void
ccp_places_read(struct ccp_places *places, const struct ccp_config *config,
                const struct ccp_profiles *profiles, const char *name)
{
	const struct ccp_profile *profile = ccp_profile_find(profiles, name);
	const char *region;

	memset(places, 0, sizeof(*places));
	if (!profile)
		return;
	region = ccp_profile_get(profile, "region");
	if (is_set(region) && is_region(region))
		copy(places->region, sizeof(places->region), region);
	else if (is_set(region))
		ccp_log(CCP_LOG_WARNING, NULL,
		        "the region of AWS profile \"%s\" is not a region's name", name);
	read_urls(places, config, profiles, profile);
	places->ignore_urls = is_true(profile, "ignore_configured_endpoint_urls");
	places->fips = is_true(profile, "use_fips_endpoint");
	places->dualstack = is_true(profile, "use_dualstack_endpoint");
	copy(places->metadata_endpoint, sizeof(places->metadata_endpoint),
	     ccp_profile_get(profile, "ec2_metadata_service_endpoint"));
	copy(places->metadata_mode, sizeof(places->metadata_mode),
	     ccp_profile_get(profile, "ec2_metadata_service_endpoint_mode"));
}

const char *
ccp_places_region(const struct ccp_places *places, const struct ccp_config *config)
{
	if (is_set(config->aws_region))
		return config->aws_region;
	return *places->region ? places->region : DEFAULT_REGION;
}

/* The URL that somebody set, or NULL. */
static const char *
configured_url(const struct ccp_places *places, const struct ccp_config *config,
               enum ccp_aws_service service)
{
	const char *const own[CCP_AWS_SERVICES_COUNT] = {
		[CCP_AWS_BEDROCK_RUNTIME] = config->aws_endpoint_url_bedrock_runtime,
		[CCP_AWS_DYNAMODB] = config->aws_endpoint_url_dynamodb,
		[CCP_AWS_STS] = config->aws_endpoint_url_sts,
	};

	if (config->aws_ignore_configured_endpoint_urls || places->ignore_urls)
		return NULL;
	if (is_set(own[service]))
		return own[service];
	if (is_set(config->aws_endpoint_url))
		return config->aws_endpoint_url;
	return *places->url[service] ? places->url[service] : NULL;
}

void
ccp_places_endpoint(const struct ccp_places *places, const struct ccp_config *config,
                    enum ccp_aws_service service, const char *region, struct ccp_buf *url)
{
	const char *configured = configured_url(places, config, service);
	bool fips = config->aws_use_fips_endpoint || places->fips;
	bool dualstack = config->aws_use_dualstack_endpoint || places->dualstack;
	size_t i = 0;

	if (configured) {
		ccp_buf_puts(url, configured);
		while (url->len && url->data[url->len - 1] == '/')
			url->data[--url->len] = '\0';
		return;
	}
	while (strncmp(region, partitions[i].region_prefix, strlen(partitions[i].region_prefix)))
		i++;
	ccp_buf_addf(url, "https://%s%s.%s.%s", services[service].host, fips ? "-fips" : "", region,
	             dualstack ? partitions[i].dualstack : partitions[i].suffix);
}
