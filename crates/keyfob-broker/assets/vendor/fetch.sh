#!/bin/sh
# Fetches what lies in this folder anew, from npm, and refuses anything but the very bytes that were looked at.
# The files are committed: nothing is fetched when Keyfob is built. Run this to change a version, and look at what `git diff` says.
set -eu
cd "$(dirname "$0")"

uplot=1.6.32
uplot_sha512=KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --silent --pack-destination "$folder" "uplot@$uplot"
found=$(openssl dgst -sha512 -binary "$folder/uplot-$uplot.tgz" | openssl base64 -A)
if [ "$found" != "$uplot_sha512" ]; then
    echo "uplot $uplot: expected sha512-$uplot_sha512, but found sha512-$found" >&2
    exit 1
fi
tar -xzf "$folder/uplot-$uplot.tgz" -C "$folder"
mkdir -p uplot
cp "$folder/package/LICENSE" "$folder/package/dist/uPlot.iife.min.js" "$folder/package/dist/uPlot.min.css" uplot/
