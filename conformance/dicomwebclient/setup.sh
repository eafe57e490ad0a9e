#!/bin/sh
# Puts dicomweb-client into the folder $1, in the versions of package-lock.json, once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
if ! cmp -s "$here/package-lock.json" installed.json; then
	rm -f installed.json
	cp "$here/package.json" "$here/package-lock.json" .
	npm ci --no-audit --no-fund --ignore-scripts --silent
	cp "$here/package-lock.json" installed.json
fi
