#!/usr/bin/env bash
# Installs what the tests in tests/fieldnpm need and is not there yet: request servers from npm (SAP CAP, pouchdb-server, Strapi,
# jsonapi-server, Directus) and Gitea, built from the Go module proxy. Everything goes into .cache/fieldnpm, which git ignores; that
# is about 1.5 GB and takes half an hour on two processors. Running it again costs nothing. Name servers to install only them:
# scripts/fieldnpm.sh cap pouchdb. Each comes under a licence of its own; nothing of them is part of this project.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/fieldnpm

gitea=v1.26.0

say() { printf 'fieldnpm: %s\n' "$*" >&2; }

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

# packages NAME PACKAGE@VERSION...: a folder of packages. The native ones are compiled here, which needs a C++ compiler.
packages() {
  local name=$1 dir=$cache/$1
  shift
  if [ "$(cat "$dir/installed" 2>/dev/null)" = "$*" ]; then return; fi
  say "installing $name, some minutes"
  rm -rf "$dir"
  mkdir -p "$dir"
  printf '{"private": true}\n' >"$dir/package.json"
  retry npm install --prefix "$dir" --no-audit --no-fund --loglevel=error "$@" >/dev/null
  printf '%s' "$*" >"$dir/installed"
}

# Gitea says in its go.mod what replaces what, so it cannot be had by go install. Its pages are not needed, its templates are.
gitea() {
  local dir=$cache/gitea src
  if [ "$(cat "$dir/installed" 2>/dev/null)" = "$gitea" ]; then return; fi
  say "building Gitea $gitea, about eight minutes on two processors"
  rm -rf "$dir"
  mkdir -p "$dir"
  src=$(cd "$(mktemp -d)" && retry env GOFLAGS=-mod=mod go mod download -json "code.gitea.io/gitea@$gitea" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  (cd "$src" && retry env CGO_ENABLED=1 GOFLAGS=-mod=readonly go build -tags "sqlite sqlite_unlock_notify" -o "$dir/gitea" .)
  cp -r "$src/options" "$src/templates" "$src/public" "$dir/"
  chmod -R u+w "$dir"
  printf '%s' "$gitea" >"$dir/installed"
}

# Directus lays out its tables slowly: the tests copy a database that is laid out here.
directus() {
  packages directus directus@11.1.2 sqlite3@5.1.7
  local dir=$cache/directus
  if [ -s "$dir/desk.db" ]; then return; fi
  say "laying out the tables of Directus"
  (
    cd "$(mktemp -d)"
    DB_CLIENT=sqlite3 DB_FILENAME=$PWD/desk.db KEY=desk SECRET="of no use outside of tests" ADMIN_EMAIL=gateway@example.org ADMIN_PASSWORD=secret \
      TELEMETRY=false LOG_LEVEL=error node "$dir/node_modules/directus/cli.js" bootstrap >&2
    mv desk.db "$dir/desk.db"
  )
}

install() {
  case $1 in
  cap) packages cap @sap/cds@9.9.3 @cap-js/sqlite@2.4.2 express@4.22.3 better-sqlite3@12.11.1 ;;
  pouchdb) packages pouchdb pouchdb-server@4.2.0 ;;
  strapi) packages strapi @strapi/strapi@5.54.0 @strapi/plugin-users-permissions@5.54.0 better-sqlite3@12.4.1 react@18.3.1 react-dom@18.3.1 \
    react-router-dom@6.30.6 styled-components@6.6.0 ;;
  jsonapi) packages jsonapi jsonapi-server@4.2.0 ;;
  directus) directus ;;
  gitea) gitea ;;
  *) say "there is no $1 here"; exit 2 ;;
  esac
}

mkdir -p "$cache"
if [ $# = 0 ]; then set -- cap pouchdb strapi jsonapi directus gitea; fi
for name in "$@"; do install "$name"; done
