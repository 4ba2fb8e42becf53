#!/bin/sh
# infra/deploy.sh: the proxy on AWS, on Fargate or on Lambda. See infra/deploy.sh --help and doc/aws.md.
set -u
source_dir=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cdk_dir=$source_dir/infra/cdk

usage() {
	cat <<'HELP'
usage: infra/deploy.sh fargate|lambda [--yes]
       infra/deploy.sh status
       infra/deploy.sh logs [fargate|lambda]
       infra/deploy.sh destroy [fargate|lambda] [--tables] [--yes]

  fargate   the proxy on ECS Fargate behind a public load balancer; again to update it
  lambda    the proxy behind a Lambda Function URL; again to update it
  status    what of it is there, and its addresses
  logs      follows the log
  destroy   deletes everything but the two DynamoDB tables; with --tables those too; with a name only that way, and the
            image's repository when the other way is not there

Each says what it would do and what that costs, and asks before it spends or deletes; --yes does not ask.
Needs docker with buildx, the AWS CLI 2 with credentials and a region, and node 20 with npm.

Settings come from the environment, at every call: those of doc/settings.md, and

  FALLBACK_ORGANIZATIONS    your anthropic-organization-id; must be set for what strangers can reach (how to find it: doc/aws.md)
  ALLOWED_CIDRS             networks that may reach the load balancer, 0.0.0.0/0 when not set
  CERTIFICATE_ARN           ACM certificate, for HTTPS on the load balancer

and more in doc/aws.md.
HELP
}

die() {
	echo "deploy: $*" >&2
	exit 1
}

# shellcheck source=infra/common.sh
. "$source_dir/infra/common.sh"
# shellcheck source=infra/aws.sh
. "$source_dir/infra/aws.sh"

can_ask() { [ -n "$yes" ] || [ -t 0 ] || die "nobody can be asked here, there is no terminal; --yes does it without asking"; }

# confirm QUESTION
confirm() {
	[ -z "$yes" ] || return 0
	can_ask
	printf '%s [y/N] ' "$1"
	read -r answer
	case $answer in
	y | Y | yes | Yes) ;;
	*) die "nothing was done" ;;
	esac
}

# --- fargate, lambda ---

# What cannot be right is refused here, before anything was spent.
synthesise() {
	echo "making the templates"
	"$cdk_dir/install.sh" || die "npm could not install the packages of infra/cdk"
	rm -rf "$cdk_dir/cdk.out"
	(
		cd "$cdk_dir" || exit 1
		export STACKS="$1" EXISTING_TABLES="$2" PLAIN_TEMPLATES='' NODE_NO_WARNINGS=1
		npm run --silent synth
	) >&2
	case $? in
	0) ;;
	3) exit 1 ;; # refused, in a sentence of its own (bin/app.ts)
	*) die "the templates could not be made, see above; nothing was done" ;;
	esac
}

log_of() {
	case $1 in
	fargate) echo /ecs/claude-proxy ;;
	lambda) echo "/aws/lambda/$function_name" ;;
	esac
}

# What has a name that a new stack needs. A log group may also be one of ours: AWS writes the last lines late.
refuse_names() {
	foreign=
	if [ "$1" = lambda ]; then
		! have_function "$function_name" || foreign="the function $function_name (aws lambda delete-function --function-name $function_name)"
		! have_role "$role_name" || foreign="$foreign${foreign:+, }the role $role_name (doc/aws.md, \"Delete it\")"
	fi
	! have_log "$(log_of "$1")" || foreign="$foreign${foreign:+, }the log group $(log_of "$1") (aws logs delete-log-group --log-group-name $(log_of "$1"))"
	[ -z "$foreign" ] || die "there is something already that $(stack_of "$1") has to make; delete it first: $foreign"
}

# What stands in the way, before anything was made. Sets fate: what becomes of the stack.
refuse_obstacles() {
	refuse_state ClaudeProxyTables
	refuse_state "$(stack_of "$1")"
	case $said in
	"" | REVIEW_IN_PROGRESS)
		fate="is made"
		refuse_names "$1"
		;;
	*)
		fate="is there and is updated"
		[ "$1" = fargate ] || have_function "$function_name" ||
			die "somebody deleted the function $function_name of the stack ClaudeProxyLambda, which cannot be updated so; first: aws cloudformation delete-stack --stack-name ClaudeProxyLambda"
		;;
	esac
}

# Each push takes the tags from the image before it, which a rollback may still want: the last 10 without a tag are kept.
# Only in a repository that was made here; what another one keeps is not ours to say.
make_repository() {
	said=$(aws ecr create-repository --repository-name "$repository" --image-scanning-configuration scanOnPush=true \
		--query repository.repositoryUri --output text) || die "the ECR repository $repository could not be made"
	untagged='{"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 10}'
	aws ecr put-lifecycle-policy --repository-name "$repository" --lifecycle-policy-text \
		"{\"rules\": [{\"rulePriority\": 1, \"selection\": $untagged, \"action\": {\"type\": \"expire\"}}]}" >/dev/null ||
		die "the ECR repository $repository could not be told to let old images go"
}

# push_image WAY ARCHITECTURE: sets image_uri, by digest: a tag that stays the same would update nothing. The tag WAY keeps
# the image that this way runs when the other way moves the other tag.
push_image() {
	way=$1
	architecture=$2
	version=$(source_version)
	tag=${version:?}-$architecture
	have_repository || make_repository
	registry=$said
	password=$(aws ecr get-login-password) || die "AWS gives no password for the registry (aws ecr get-login-password)"
	printf '%s' "$password" | docker login --username AWS --password-stdin "${registry%%/*}" >/dev/null ||
		die "docker could not log in to ${registry%%/*}"
	set --
	[ -z "${DEBIAN_IMAGE:-}" ] || set -- "$@" --build-arg "DEBIAN=$DEBIAN_IMAGE"
	[ -z "${LAMBDA_ADAPTER_IMAGE:-}" ] || set -- "$@" --build-arg "LAMBDA_ADAPTER=$LAMBDA_ADAPTER_IMAGE"
	# Lambda takes no image with attestations beside it.
	docker buildx build --platform "linux/$architecture" --provenance=false --sbom=false "$@" \
		-f "$source_dir/infra/image/Dockerfile" -t "$registry:$tag" -t "$registry:$way" --push "$source_dir" ||
		die "docker could not build the image and push it"
	digest=$(aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" \
		--query 'imageDetails[0].imageDigest' --output text) || die "the image $tag is not in the ECR repository $repository"
	image_uri=$registry@$digest
}

# deploy_stack STACK PARAMETER...
deploy_stack() {
	stack=$1
	shift
	echo "deploying $stack"
	[ $# -eq 0 ] || set -- --parameter-overrides "$@"
	aws cloudformation deploy --stack-name "$stack" --template-file "$cdk_dir/cdk.out/$stack.template.json" \
		--capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --tags app=claude-proxy "$@" ||
		die "CloudFormation could not deploy $stack; why: aws cloudformation describe-stack-events --stack-name $stack"
}

what_of_tables() {
	case $missing in
	"") echo "unchanged" ;;
	*" and "*) echo "two tables: $missing" ;;
	*) echo "makes $missing" ;;
	esac
}

# output OUTPUTS NAME
output() { echo "$1" | sed -n "s/^ *$2[[:space:]]*//p"; }

# say_address WAY OUTPUTS. The certificate is for a name that only its owner knows.
say_address() {
	url=$(output "$2" ServiceURL)
	[ -n "$url" ] || die "it is deployed, but its address could not be read; infra/deploy.sh status shows it"
	case $1:$url in
	fargate:https:*)
		echo "Point your certificate's name (CNAME or alias) to $(output "$2" LoadBalancerDNS)"
		url=https://THAT-NAME
		;;
	esac
	echo "Claude Code:  export ANTHROPIC_BASE_URL=$url/user/\$USER"
}

outputs() {
	aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text |
		sed '/^None$/d; s/^/    /'
}

deploy() {
	case $1 in
	fargate) setting=FARGATE_ARCHITECTURE architecture=${FARGATE_ARCHITECTURE:-amd64} ;;
	lambda) setting=LAMBDA_ARCHITECTURE architecture=${LAMBDA_ARCHITECTURE:-arm64} ;;
	esac
	can_ask
	need_node
	need_aws
	need_docker
	refuse_obstacles "$1"
	find_tables
	synthesise "$1" "$existing"
	need_builder "$architecture" "$setting"

	echo "In account $account, region $region:"
	echo "    ECR repository   $repository, with an image for $architecture built here"
	[ ! -e "$cdk_dir/cdk.out/ClaudeProxyTables.template.json" ] || echo "    ClaudeProxyTables, DynamoDB: $(what_of_tables)"
	[ -z "$lost" ] || echo "    ClaudeProxyTables made $lost, which somebody deleted: so this stack is deleted first and made anew, without touching tables"
	[ -z "$existing" ] || echo "    taken over as it is: $existing"
	echo "    $(stack_of "$1") $fate"
	sed 's/^/    /' "$cdk_dir/cdk.out/plan"
	# new accounts have few; not worth a failure when it may not be asked
	[ "$1" != lambda ] || ! streams=$(aws lambda get-account-settings --query AccountLimit.UnreservedConcurrentExecutions --output text 2>/dev/null) ||
		echo "    at most $streams streams at once, together with the account's other functions (Service Quotas raises that)"
	echo "Bedrock is billed by the token besides. The arithmetic is in doc/aws.md."
	confirm "Deploy?"

	push_image "$1" "$architecture"
	[ -z "$lost" ] || delete_stack ClaudeProxyTables
	[ ! -e "$cdk_dir/cdk.out/ClaudeProxyTables.template.json" ] || deploy_stack ClaudeProxyTables
	deploy_stack "$(stack_of "$1")" "ImageUri=$image_uri"
	said=$(outputs "$(stack_of "$1")")
	echo "$said"
	say_address "$1" "$said"
}

# --- the others ---

status() {
	need_aws
	echo "In account $account, region $region:"
	for stack in ClaudeProxyFargate ClaudeProxyLambda ClaudeProxyTables; do
		if have_stack "$stack"; then
			echo "$stack: $said"
			outputs "$stack"
		else
			echo "$stack: not there"
		fi
	done
	for table in "$rate_limit_table" "$usage_table"; do
		if have_table "$table"; then echo "table $table: there"; else echo "table $table: not there"; fi
	done
	if have_repository; then echo "ECR repository $repository: there"; else echo "ECR repository $repository: not there"; fi
}

logs() {
	need_aws
	which=$1
	if [ -z "$which" ]; then
		which=fargate
		have_stack ClaudeProxyFargate || which=lambda
	fi
	have_stack "$(stack_of "$which")" || die "the stack $(stack_of "$which") is not there, so there is no log"
	aws logs tail "$(log_of "$which")" --follow
}

delete_stack() {
	echo "deleting $1"
	{ aws cloudformation delete-stack --stack-name "$1" && aws cloudformation wait stack-delete-complete --stack-name "$1"; } ||
		die "CloudFormation could not delete $1; why: aws cloudformation describe-stack-events --stack-name $1"
}

delete_table() {
	{ aws dynamodb delete-table --table-name "$1" >/dev/null && aws dynamodb wait table-not-exists --table-name "$1"; } ||
		die "the table $1 could not be deleted"
}

# Tables that were made under other names than today's environment says: these would stay, and others go.
refuse_others() {
	[ -n "$with_tables" ] || return 0
	for table in $ours; do
		case $table in
		"$rate_limit_table" | "$usage_table") ;;
		*) die "ClaudeProxyTables made $table, which neither RATE_LIMIT_TABLE_NAME nor USAGE_TABLE_NAME names; set both as they were at the deployment" ;;
		esac
	done
}

# destroy WAY, "" for both
destroy() {
	need_aws
	stacks=
	stays=
	for way in lambda fargate; do
		stack=$(stack_of "$way")
		have_stack "$stack" || continue
		case $1 in
		"" | "$way") stacks="$stacks $stack" ;;
		*) stays=$stack ;;
		esac
	done
	[ -z "$with_tables" ] || [ -z "$stays" ] || die "$stays is there and needs the tables; give --tables when it goes too"
	tables=
	for table in "$rate_limit_table" "$usage_table"; do
		! have_table "$table" || tables="$tables $table"
	done
	images=
	[ -n "$stays" ] || ! have_repository || images=$repository
	tables_stack=
	[ -z "$with_tables" ] || ! have_stack ClaudeProxyTables || tables_stack=ClaudeProxyTables
	doomed=
	[ -z "$with_tables" ] || doomed=$tables
	find_ours
	refuse_others
	if [ -z "$stacks$images$tables_stack$doomed" ]; then
		echo "Nothing to delete in account $account, region $region.${stays:+ There is $stays.}${tables:+ There are tables:$tables.}"
		return
	fi

	echo "In account $account, region $region, this is deleted:"
	for stack in $stacks $tables_stack; do echo "    stack $stack"; done
	[ -z "$images" ] || echo "    ECR repository $images with its images"
	for table in $doomed; do
		case $ours in
		*" $table "*) echo "    table $table with all that is in it" ;;
		*) echo "    table $table with all that is in it, which no stack of ours made" ;;
		esac
	done
	[ -z "$stays" ] || echo "$stays stays, and the ECR repository $repository with it, which has its image."
	confirm "Delete?"

	for stack in $stacks $tables_stack; do delete_stack "$stack"; done
	[ -z "$images" ] || aws ecr delete-repository --repository-name "$images" --force >/dev/null ||
		die "the ECR repository $images could not be deleted"
	for table in $doomed; do delete_table "$table"; done
	if [ -n "$stays" ]; then
		echo "Deleted. What remains: what $stays needs."
	elif [ -z "$with_tables" ] && [ -n "$tables" ]; then
		echo "Deleted. What remains: tables$tables (billed for what is stored; destroy --tables deletes them)."
	else
		echo "Deleted. Nothing of that remains."
	fi
}

# --- arguments ---

command=
which=
yes=
with_tables=
for argument in "$@"; do
	case $argument in
	-h | --help) usage; exit 0 ;;
	--yes) yes=1 ;;
	--tables) with_tables=1 ;;
	fargate | lambda)
		case $command:$which in
		:) command=$argument ;;
		logs: | destroy:) which=$argument ;;
		*) usage >&2; exit 2 ;;
		esac
		;;
	status | logs | destroy) if [ -z "$command" ]; then command=$argument; else usage >&2; exit 2; fi ;;
	*) echo "deploy: $argument is not known here" >&2; usage >&2; exit 2 ;;
	esac
done
[ -z "$with_tables" ] || [ "$command" = destroy ] || { usage >&2; exit 2; }
case $command in
fargate | lambda) deploy "$command" ;;
status) status ;;
logs) logs "$which" ;;
destroy) destroy "$which" ;;
*) usage >&2; exit 2 ;;
esac
