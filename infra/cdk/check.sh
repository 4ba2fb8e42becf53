#!/bin/sh
# The tests of infra/cdk and infra/deploy.sh. The last line is "cdk: N passed, N failed, N skipped".
#   infra/cdk/check.sh              all of them
#   infra/cdk/check.sh rights       only test/rights.test.ts
# Needs node 20 and npm; installs the pinned packages once. No account, no docker engine, no network after that.
cd "$(dirname "$0")" || exit 1
./install.sh || {
	echo "skipped: npm cannot install the packages of infra/cdk here"
	echo "cdk: 0 passed, 0 failed, 1 skipped"
	exit 77
}
rm -rf build
node_modules/.bin/tsc || { echo "cdk: 0 passed, 1 failed, 0 skipped"; exit 1; }
exec node build/test/run.js "$@"
