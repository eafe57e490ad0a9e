#!/bin/sh
# Puts the packages of the folder $1 (package.json, package-lock.json) into the folder $2, in the versions locked there, once.
set -eu
from=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
if ! cmp -s "$from/package-lock.json" installed.json; then
	rm -f installed.json
	cp "$from/package.json" "$from/package-lock.json" .
	npm ci --no-audit --no-fund --ignore-scripts --silent
	cp "$from/package-lock.json" installed.json
fi
