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
       infra/deploy.sh destroy [--tables] [--yes]

  fargate   the proxy on ECS Fargate behind a public load balancer; again to update it
  lambda    the proxy behind a Lambda Function URL; again to update it
  status    what of it is there, and its addresses
  logs      follows the log
  destroy   deletes everything but the two DynamoDB tables; with --tables those too

Each says what it would do and what that costs, and asks before it spends or deletes; --yes does not ask.
Needs docker with buildx, the AWS CLI with credentials and a region, and node 20 with npm.

Settings come from the environment, at every call: those of doc/settings.md, and

  FALLBACK_ORGANIZATIONS    your anthropic-organization-id; must be set for what strangers can reach
  ALLOWED_CIDRS             networks that may reach the load balancer, 0.0.0.0/0 when not set
  CERTIFICATE_ARN           ACM certificate, for HTTPS on the load balancer

and more in doc/aws.md.
HELP
}

die() {
	echo "deploy: $*" >&2
	exit 1
}

# --- what must be there ---

# The daemon too: a client alone builds nothing.
need_docker() {
	command -v docker >/dev/null || die "docker is not installed; it builds the image"
	docker info >/dev/null 2>&1 || die "docker is installed, but its daemon does not answer (is it running, and may $(id -un) use it?)"
	docker buildx version >/dev/null 2>&1 || die "docker has no buildx, which builds for the other processor; install docker-buildx-plugin"
}

need_node() {
	command -v node >/dev/null || die "node is not installed; version 20 or newer makes the templates"
	major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
	[ "${major:-0}" -ge 20 ] || die "node is $(node --version); version 20 or newer is needed"
	command -v npm >/dev/null || die "npm is not installed; it fetches the AWS CDK"
}

need_aws() {
	command -v aws >/dev/null || die "the AWS CLI (aws) is not installed"
	region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region 2>/dev/null)}}
	[ -n "$region" ] || die "no region is set; set AWS_REGION, us-east-1 for example"
	AWS_REGION=$region
	AWS_DEFAULT_REGION=$region
	# A pager would wait for a key in the middle of it all.
	AWS_PAGER=
	export AWS_REGION AWS_DEFAULT_REGION AWS_PAGER
	account=$(aws sts get-caller-identity --query Account --output text 2>/dev/null) ||
		die "AWS does not accept your credentials (aws sts get-caller-identity fails); log in, or set AWS_PROFILE"
}

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

# --- what is there ---

complaint=$(mktemp) || exit 1
trap 'rm -f "$complaint"' EXIT

rate_limit_table=${RATE_LIMIT_TABLE_NAME:-claude-proxy-rate-limits}
usage_table=${USAGE_TABLE_NAME:-claude-proxy-usage}
repository=${ECR_REPOSITORY:-claude-proxy}
function_name=claude-proxy-api

stack_of() {
	case $1 in
	fargate) echo ClaudeProxyFargate ;;
	lambda) echo ClaudeProxyLambda ;;
	esac
}

# look WHAT-AWS-SAYS-WHEN-ABSENT COMMAND...: true when it is there, its output in $said. Any other failure ends all:
# what may not be seen must not be taken for absent.
look() {
	absent=$1
	shift
	said=$("$@" 2>"$complaint") && return 0
	said=
	grep -q "$absent" "$complaint" || die "$1 $2 $3 failed: $(cat "$complaint")"
	return 1
}

# Its status in $said; "" when it is not there.
have_stack() { look 'does not exist' aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text; }
have_table() { look ResourceNotFoundException aws dynamodb describe-table --table-name "$1" --query Table.TableStatus --output text; }
have_function() { look ResourceNotFoundException aws lambda get-function --function-name "$1" --query Configuration.State --output text; }
have_repository() {
	look RepositoryNotFoundException aws ecr describe-repositories --repository-names "$repository" \
		--query 'repositories[0].repositoryUri' --output text
}

# Sets existing: the tables that are there and are not our stack's. They are taken over.
find_existing_tables() {
	existing=
	for table in "$rate_limit_table" "$usage_table"; do
		have_table "$table" || continue
		look 'does not exist' aws cloudformation describe-stack-resources --physical-resource-id "$table" \
			--query 'StackResources[0].StackName' --output text
		[ "$said" = ClaudeProxyTables ] || existing=$existing${existing:+,}$table
	done
}

# --- fargate, lambda ---

costs() {
	case $1 in
	fargate) echo "about 80 USD a month in us-east-1 when idle (task 18, NAT gateway 33, load balancer 16, public addresses 11), and traffic" ;;
	lambda) echo "nothing when idle; 0.80 USD for 1000 minutes of streams, and traffic" ;;
	esac
}

synthesise() {
	"$cdk_dir/install.sh" || die "npm could not install the packages of infra/cdk"
	rm -rf "$cdk_dir/cdk.out"
	# What cannot be right is refused here, before anything was spent.
	(
		cd "$cdk_dir" || exit 1
		# cdk is pinned: no look for a newer one, no advice on node
		export STACKS="$1" EXISTING_TABLES="$2" PLAIN_TEMPLATES='' CDK_DISABLE_VERSION_CHECK=true NODE_NO_WARNINGS=1
		node node_modules/aws-cdk/bin/cdk synth --quiet
	) >&2 ||
		die "the templates could not be made, see above; nothing was done"
}

# What stands in the way, before anything was made.
refuse_obstacles() {
	stack=$(stack_of "$1")
	have_stack "$stack"
	case $said in
	ROLLBACK_COMPLETE | *_FAILED) die "the stack $stack is in the state $said and has to go first: infra/deploy.sh destroy" ;;
	REVIEW_IN_PROGRESS) ;; # nothing of it was ever made
	*_IN_PROGRESS) die "the stack $stack is being changed at this moment ($said); wait for that to end" ;;
	esac
	[ "$1:$said" = lambda: ] && have_function "$function_name" || return 0
	die "there is a function $function_name already that no stack of ours made; delete it first, with its role and log group: doc/aws.md, \"Coming from the Python original\""
}

# push_image ARCHITECTURE: sets image_uri, by digest: a tag that stays the same would update nothing.
push_image() {
	version=$(sed -n 's/^AC_INIT(\[[^]]*\], \[\([^]]*\)\].*/\1/p' "$source_dir/configure.ac")
	tag=${version:?}-$1
	if ! have_repository; then
		said=$(aws ecr create-repository --repository-name "$repository" --image-scanning-configuration scanOnPush=true \
			--query repository.repositoryUri --output text) || die "the ECR repository $repository could not be made"
	fi
	registry=$said
	password=$(aws ecr get-login-password) || die "AWS gives no password for the registry (aws ecr get-login-password)"
	printf '%s' "$password" | docker login --username AWS --password-stdin "${registry%%/*}" >/dev/null ||
		die "docker could not log in to ${registry%%/*}"
	# Lambda takes no image with attestations beside it.
	docker buildx build --platform "linux/$1" --provenance=false --sbom=false \
		-f "$source_dir/infra/image/Dockerfile" -t "$registry:$tag" --push "$source_dir" ||
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

outputs() {
	aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text |
		sed '/^None$/d; s/^/    /'
}

deploy() {
	case $1 in
	fargate) architecture=${FARGATE_ARCHITECTURE:-amd64} ;;
	lambda) architecture=${LAMBDA_ARCHITECTURE:-arm64} ;;
	esac
	can_ask
	need_node
	need_aws
	need_docker
	refuse_obstacles "$1"
	find_existing_tables
	synthesise "$1" "$existing"

	echo "In account $account, region $region:"
	echo "    ECR repository   $repository, with an image for $architecture built here"
	[ ! -e "$cdk_dir/cdk.out/ClaudeProxyTables.template.json" ] || echo "    ClaudeProxyTables, DynamoDB: what is missing of $rate_limit_table, $usage_table"
	[ -z "$existing" ] || echo "    taken over as it is: $existing"
	echo "    $(stack_of "$1"), $(costs "$1")"
	echo "Bedrock is billed by the token besides. The arithmetic is in doc/aws.md."
	confirm "Deploy?"

	push_image "$architecture"
	[ ! -e "$cdk_dir/cdk.out/ClaudeProxyTables.template.json" ] || deploy_stack ClaudeProxyTables
	deploy_stack "$(stack_of "$1")" "ImageUri=$image_uri"
	outputs "$(stack_of "$1")"
	echo "Claude Code:  export ANTHROPIC_BASE_URL=<ServiceURL>/user/\$USER"
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
	case $which in
	fargate) exec aws logs tail /ecs/claude-proxy --follow ;;
	lambda) exec aws logs tail "/aws/lambda/$function_name" --follow ;;
	esac
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

destroy() {
	need_aws
	stacks=
	for stack in ClaudeProxyLambda ClaudeProxyFargate; do
		! have_stack "$stack" || stacks="$stacks $stack"
	done
	tables=
	for table in "$rate_limit_table" "$usage_table"; do
		! have_table "$table" || tables="$tables $table"
	done
	images=
	! have_repository || images=$repository
	tables_stack=
	[ -z "$with_tables" ] || ! have_stack ClaudeProxyTables || tables_stack=ClaudeProxyTables
	doomed=
	[ -z "$with_tables" ] || doomed=$tables
	if [ -z "$stacks$images$tables_stack$doomed" ]; then
		echo "Nothing to delete in account $account, region $region.${tables:+ There are tables:$tables.}"
		return
	fi

	echo "In account $account, region $region, this is deleted:"
	for stack in $stacks $tables_stack; do echo "    stack $stack"; done
	[ -z "$images" ] || echo "    ECR repository $images with its images"
	for table in $doomed; do echo "    table $table with all that is in it"; done
	confirm "Delete?"

	for stack in $stacks $tables_stack; do delete_stack "$stack"; done
	[ -z "$images" ] || aws ecr delete-repository --repository-name "$images" --force >/dev/null ||
		die "the ECR repository $images could not be deleted"
	for table in $doomed; do delete_table "$table"; done
	if [ -z "$with_tables" ] && [ -n "$tables" ]; then
		echo "Deleted. What remains: tables$tables (billed for what is stored; destroy --tables deletes them)."
	else
		echo "Deleted. Nothing remains."
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
		if [ "$command" = logs ] && [ -z "$which" ]; then which=$argument; elif [ -z "$command" ]; then command=$argument; else usage >&2; exit 2; fi
		;;
	status | logs | destroy) if [ -z "$command" ]; then command=$argument; else usage >&2; exit 2; fi ;;
	*) echo "deploy: $argument is not known here" >&2; usage >&2; exit 2 ;;
	esac
done
case $command in
fargate | lambda) deploy "$command" ;;
status) status ;;
logs) logs "$which" ;;
destroy) destroy ;;
*) usage >&2; exit 2 ;;
esac
