#!/bin/sh
# The pinned npm packages of infra/cdk, when they are not there already; fails with npm's last words.
cd "$(dirname "$0")" || exit 1
[ -z "$(find node_modules/.package-lock.json -newer package-lock.json 2>/dev/null)" ] || exit 0
echo "installing npm packages"
npm ci --no-audit --no-fund --fetch-retries=1 >npm.log 2>&1 </dev/null && exit 0
tail -n 10 npm.log
exit 1
