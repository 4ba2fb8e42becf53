# shellcheck shell=sh
# What infra/deploy.sh has to know before it does anything: the tools of this machine, and what is there in AWS. Changes
# nothing. Read with "." by infra/deploy.sh, which has die().

# --- what must be there ---

# The daemon too: a client alone builds nothing.
need_docker() {
	command -v docker >/dev/null || die "docker is not installed; it builds the image"
	docker info >/dev/null 2>&1 || die "docker is installed, but its daemon does not answer (is it running, and may $(id -un) use it?)"
	docker buildx version >/dev/null 2>&1 || die "docker has no buildx, which builds for the other processor; install docker-buildx-plugin"
}

# need_builder ARCHITECTURE SETTING. buildx inspect has a line for each node of the builder, such as
# "Platforms: linux/amd64*, linux/arm64, linux/arm/v7"; * stands at what was set by hand (docker's reference of the command).
need_builder() {
	said=$(docker buildx inspect --bootstrap 2>"$complaint") || die "docker's builder does not start: $(cat "$complaint")"
	platforms=$(echo "$said" | sed -n 's/^Platforms:/ /p' | sed 's/[*,]/ /g; s/$/ /')
	case $platforms in
	*" linux/$1 "*) return ;;
	esac
	other=amd64
	[ "$1" = arm64 ] || other=arm64
	die "docker cannot build for linux/$1 here; docker run --privileged --rm tonistiigi/binfmt --install $1 (or Debian's qemu-user-static) adds the emulation, $2=$other needs none"
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
	account=$(aws sts get-caller-identity --query Account --output text 2>"$complaint") ||
		die "AWS does not accept your credentials; log in, or set AWS_PROFILE (aws sts get-caller-identity: $(cat "$complaint"))"
}

# --- what is there ---

complaint=$(mktemp) || exit 1
trap 'rm -f "$complaint"' EXIT
trap 'exit 130' INT TERM

rate_limit_table=${RATE_LIMIT_TABLE_NAME:-claude-proxy-rate-limits}
usage_table=${USAGE_TABLE_NAME:-claude-proxy-usage}
repository=${ECR_REPOSITORY:-claude-proxy}
function_name=claude-proxy-api
role_name=$function_name-role

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
have_role() { look NoSuchEntity aws iam get-role --role-name "$1" --query Role.Arn --output text; }
# Asked by how names begin; the answer is empty when there is none.
have_log() {
	look ResourceNotFoundException aws logs describe-log-groups --log-group-name-prefix "$1" \
		--query "logGroups[?logGroupName=='$1'].logGroupName" --output text && [ -n "$said" ]
}
have_function() { look ResourceNotFoundException aws lambda get-function --function-name "$1" --query Configuration.State --output text; }
have_repository() {
	look RepositoryNotFoundException aws ecr describe-repositories --repository-names "$repository" \
		--query 'repositories[0].repositoryUri' --output text
}

# Sets ours: the tables that ClaudeProxyTables made, with a blank around each.
# The stack is asked by its name: asked by a table's, CloudFormation also tells of stacks deleted in the last 90 days
# (API reference, DescribeStackResources).
find_ours() {
	ours=
	have_stack ClaudeProxyTables || return 0
	look 'does not exist' aws cloudformation describe-stack-resources --stack-name ClaudeProxyTables --output text \
		--query "StackResources[?ResourceType=='AWS::DynamoDB::Table' && !starts_with(ResourceStatus,'DELETE_')].PhysicalResourceId"
	ours=" $(echo "$said" | sed 's/[[:space:]]/ /g') "
}

# Sets missing: the tables that are not there. existing: those that are, and not in the care of ClaudeProxyTables; they are
# taken over as they are. And lost: those that this stack made and somebody deleted. CloudFormation does not notice that,
# and would make none ("no changes"), so then the stack goes and comes anew; its tables outlive it, and those that are left
# are taken over.
find_tables() {
	find_ours
	there=
	missing=
	lost=
	for table in "$rate_limit_table" "$usage_table"; do
		if have_table "$table"; then
			[ "$said" != DELETING ] || die "the table $table is being deleted at this moment; wait for that to end"
			there="$there $table"
		else
			missing=$missing${missing:+ and }$table
			case $ours in *" $table "*) lost=$lost${lost:+,}$table ;; esac
		fi
	done
	[ -z "$lost" ] || ours=
	existing=
	for table in $there; do
		case $ours in *" $table "*) ;; *) existing=$existing${existing:+,}$table ;; esac
	done
}

# The states from which no update goes on, and what does (AWS CloudFormation User Guide, "Stack status codes", "Stack
# failure options"). UPDATE_ROLLBACK_COMPLETE can be updated. UPDATE_FAILED is there after an update without rollback;
# UpdateStack says then: "non-terminal [UPDATE_FAILED] state. To rollback to the last known good state, use the
# rollback-stack API". Never destroy: that takes more than what is in the way. What may go on leaves its state in $said.
refuse_state() {
	have_stack "$1" || return 0
	case $said in
	ROLLBACK_COMPLETE | CREATE_FAILED | ROLLBACK_FAILED | DELETE_FAILED) remedy=delete-stack ;;
	UPDATE_ROLLBACK_FAILED) remedy=continue-update-rollback ;;
	UPDATE_FAILED) remedy=rollback-stack ;;
	REVIEW_IN_PROGRESS) return 0 ;; # nothing of it was ever made
	*_IN_PROGRESS) die "the stack $1 is being changed at this moment ($said); wait for that to end" ;;
	*) return 0 ;;
	esac
	die "the stack $1 is in the state $said and cannot be updated; first: aws cloudformation $remedy --stack-name $1"
}
