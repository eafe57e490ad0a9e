#!/bin/sh
# Puts OHIF's ready-made pages and the browser driver into the folder $1, once.
# OHIF's own dependencies are not wanted (its pages are bundled), hence `npm pack`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ohif=@ohif/app@3.13.2
mkdir -p "$1"
cd "$1"
if [ ! -d node_modules/playwright-core ]; then
	cp "$here/package.json" .
	npm install --no-audit --no-fund --ignore-scripts --silent
fi
if [ ! -f package/dist/index.html ]; then
	rm -rf unpack && mkdir unpack
	npm pack --silent --pack-destination unpack "$ohif" >/dev/null
	tar -xzf unpack/*.tgz -C unpack --exclude='*.map'
	rm -rf package && mv unpack/package package && rm -rf unpack
fi
