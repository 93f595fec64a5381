#!/usr/bin/env bash
# Looks for known vulnerabilities in what is used (govulncheck) and for dangerous constructs in what is written here (gosec). Findings
# fail. What cannot be fetched is said and does not fail, unless MERIDIAN_REQUIRE_AUDIT=1: the database of vulnerabilities is on a server
# that not every machine reaches.
set -euo pipefail
cd "$(dirname "$0")/.."

govulncheck=v1.1.4
gosec=v2.22.4
bin=$PWD/.cache/bin

say() { printf 'audit: %s\n' "$*" >&2; }

missing() {
  say "$*"
  [ "${MERIDIAN_REQUIRE_AUDIT:-}" != 1 ] || exit 1
}

# tool NAME VERSION MODULE
tool() {
  local stamp=$bin/$1.version
  if [ -x "$bin/$1" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$2" ]; then return; fi
  say "building $1 $2, about a minute"
  mkdir -p "$bin"
  GOBIN=$bin GOFLAGS=-mod=mod go install "$3@$2" || return 1
  printf '%s\n' "$2" >"$stamp"
}

# Not looked for: G115, conversions of integers, all bounded where they are made; G304, files whose names the operator says; G404, chance
# that only spreads load, keys and tokens come from crypto/rand. Tests and their servers run programs and open what they made.
if tool gosec "$gosec" github.com/securego/gosec/v2/cmd/gosec; then
  "$bin/gosec" -quiet -exclude=G115,G304,G404 -exclude-dir=tests -exclude-dir=bench -exclude-dir=redistest -exclude-dir=storetest ./...
  say "gosec finds nothing"
else
  missing "gosec could not be built: the code was not looked through"
fi

if ! tool govulncheck "$govulncheck" golang.org/x/vuln/cmd/govulncheck; then
  missing "govulncheck could not be built: known vulnerabilities were not looked for"
elif out=$("$bin/govulncheck" ./... 2>&1); then
  say "govulncheck finds nothing"
elif grep -q 'fetching vulnerabilities\|dial tcp\|no such host\|Forbidden\|connection refused\|i/o timeout\|proxyconnect' <<<"$out"; then
  missing "known vulnerabilities were NOT looked for, the database cannot be reached: $(head -c 300 <<<"$out")"
else
  printf '%s\n' "$out" >&2
  exit 1
fi
