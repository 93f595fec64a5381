#!/usr/bin/env bash
# Installs what the black-box tests need and is not there yet: redis-server and Chromium (apt), json-server in its two generations and
# axe-core (npm), and PocketBase (go install). What is not from apt goes into .cache/, which git ignores. Running it again costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

json_server_0=0.17.4
json_server_1=1.0.0-beta.15
pocketbase=v0.36.8
axe=4.14.1

say() { printf 'setup: %s\n' "$*" >&2; }

# retry COMMAND...: registries and mirrors fail now and then.
retry() {
  local try
  for try in 1 2 3; do
    if "$@"; then return 0; fi
    say "attempt $try failed: $*"
    sleep $((try * 3))
  done
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_updated=
apt_install() {
  say "installing $* with apt"
  if [ -z "$apt_updated" ]; then
    retry as_root apt-get update -qq
    apt_updated=yes
  fi
  # The tests start their own redis-server; the service of the package is not wanted.
  retry as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_command() {
  command -v "$1" >/dev/null || apt_install "$2"
}

# json_server DIRECTORY VERSION
json_server() {
  local dir=.cache/$1 manifest=.cache/$1/node_modules/json-server/package.json
  if [ -f "$manifest" ] && grep -q "\"version\": *\"$2\"" "$manifest"; then return; fi
  say "installing json-server $2"
  rm -rf "$dir"
  mkdir -p "$dir"
  retry npm install --prefix "$dir" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "json-server@$2" >/dev/null
}

pocketbase() {
  local stamp=.cache/bin/pocketbase.version
  if [ -x .cache/bin/base ] && [ "$(cat "$stamp" 2>/dev/null)" = "$pocketbase" ]; then return; fi
  say "building PocketBase $pocketbase, about a minute"
  retry env GOBIN="$PWD/.cache/bin" GOFLAGS=-mod=mod go install "github.com/pocketbase/pocketbase/examples/base@$pocketbase"
  printf '%s\n' "$pocketbase" >"$stamp"
}

# promtool comes with Prometheus, whose package would start a server: only the program is taken out of it.
promtool() {
  if [ -x .cache/bin/promtool ] || type -P promtool >/dev/null; then return; fi
  say "fetching promtool"
  local dir
  dir=$(mktemp -d)
  if [ -z "$apt_updated" ]; then
    retry as_root apt-get update -qq
    apt_updated=yes
  fi
  (cd "$dir" && retry apt-get download -qq prometheus)
  dpkg -x "$dir"/prometheus_*.deb "$dir/out"
  cp "$dir/out/usr/bin/promtool" .cache/bin/promtool
  rm -rf "$dir"
}

axe_core() {
  local dir=.cache/axe-core manifest=.cache/axe-core/node_modules/axe-core/package.json
  if [ -f "$manifest" ] && grep -q "\"version\": *\"$axe\"" "$manifest"; then return; fi
  say "installing axe-core $axe"
  rm -rf "$dir"
  mkdir -p "$dir"
  retry npm install --prefix "$dir" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error "axe-core@$axe" >/dev/null
}

command -v go >/dev/null || { say "Go is missing: https://go.dev/dl/"; exit 1; }
need_command node nodejs
need_command npm npm
need_command redis-server redis-server
need_command chromium chromium
# The tests complete command lines in real shells, and read the manual pages.
need_command zsh zsh
need_command fish fish
need_command man man-db
# The packages that are given out: Windows' archive, and what systemd says of the unit.
need_command zip zip
need_command systemd-analyze systemd
[ -e /usr/share/bash-completion/bash_completion ] || apt_install bash-completion
# The race detector links against the C library.
if ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then apt_install gcc libc6-dev; fi
mkdir -p .cache/bin
json_server json-server-0 "$json_server_0"
json_server json-server-1 "$json_server_1"
axe_core
pocketbase
promtool
