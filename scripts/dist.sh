#!/usr/bin/env bash
# Builds what is given out, into dist/: an archive for each system, .deb packages, SHA256SUMS. The same commit with the same Go gives the
# same bytes: every time in it is that of the commit, and no path of this machine is in it.
#
#   scripts/dist.sh                                   all six
#   TARGETS="linux/amd64 windows/amd64" scripts/dist.sh
#   VERSION=1.2.3 OUT=/tmp/x scripts/dist.sh
#
# Without git (a source archive) set COMMIT and SOURCE_DATE_EPOCH, or they are "not known" and the time of go.mod.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=${TARGETS:-linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64}
out=${OUT:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C TZ=UTC CGO_ENABLED=0
umask 022

commit=${COMMIT:-$(git rev-parse HEAD 2>/dev/null || true)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y go.mod)}
export SOURCE_DATE_EPOCH=$epoch
version=${VERSION:-}
if [ -z "$version" ]; then
  version=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null | sed 's/^v//' || true)
fi
: "${version:=0.1.0-dev}"
built=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
cli=github.com/meridian-gateway/meridian/internal/cli
flags="-s -w -buildid= -X $cli.version=$version -X $cli.commit=$commit -X $cli.built=$built"

host=$(go env GOHOSTOS)/$(go env GOHOSTARCH)

say() { printf 'dist: %s\n' "$*" >&2; }

# build OS/ARCH FILE
build() {
  if [ "$1" = "$host" ] && [ -e "$work/host" ]; then cp "$work/host" "$2"; return; fi
  GOOS=${1%/*} GOARCH=${1#*/} go build -trimpath -buildvcs=false -ldflags "$flags" -o "$2" ./cmd/meridian
}

# The program of this machine writes the manual and the completions.
say "version $version, commit ${commit:-not known}, of $built"
build "$host" "$work/host"
"$work/host" man "$work/man" >/dev/null
mkdir "$work/completions"
"$work/host" completion bash >"$work/completions/meridian.bash"
"$work/host" completion zsh >"$work/completions/_meridian"
"$work/host" completion fish >"$work/completions/meridian.fish"
"$work/host" completion powershell >"$work/completions/meridian.ps1"

# stamp FOLDER: every time in it is that of the commit, every file can be read by all.
stamp() {
  find "$1" -type d -exec chmod 755 {} +
  find "$1" -exec touch -h -d "@$epoch" {} +
}

# archive OS/ARCH BINARY
archive() {
  local os=${1%/*} arch=${1#*/} name=meridian-$version-${1%/*}-${1#*/} exe=meridian
  [ "$os" = windows ] && exe=meridian.exe
  mkdir -p "$work/$name/man" "$work/$name/configs" "$work/$name/docs"
  install -m 755 "$2" "$work/$name/$exe"
  cp LICENSE NOTICE README.md SECURITY.md "$work/$name/"
  cp docs/*.md "$work/$name/docs/"
  for net in furniture follow-the-sun knowledge-base archive; do cp -r "configs/$net" "$work/$name/configs/"; done
  cp configs/schema.json "$work/$name/configs/"
  cp -r "$work/completions" "$work/$name/"
  cp "$work"/man/* "$work/$name/man/"
  [ "$os" = linux ] && cp deploy/systemd/meridian@.service "$work/$name/"
  cp deploy/example/network.yaml "$work/$name/network.yaml"
  stamp "$work/$name"
  if [ "$os" = windows ]; then
    rm -f "$out/$name.zip"
    (cd "$work" && find "$name" -type f | sort | zip -qX -9 "$out/$name.zip" -@)
    say "$name.zip"
  else
    tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -cf - "$name" | gzip -n9 >"$out/$name.tar.gz"
    say "$name.tar.gz"
  fi
}

# debian ARCH BINARY
debian() {
  local root=$work/deb-$1 deb=$out/meridian_$(printf %s "$version" | tr - '~')_$1.deb doc
  doc=$root/usr/share/doc/meridian
  install -D -m 755 "$2" "$root/usr/bin/meridian"
  install -D -m 644 deploy/systemd/meridian@.service "$root/lib/systemd/system/meridian@.service"
  install -D -m 644 deploy/example/network.yaml "$root/etc/meridian/network.yaml"
  install -D -m 644 deploy/debian/copyright "$doc/copyright"
  install -D -m 644 LICENSE "$doc/LICENSE"
  install -D -m 644 NOTICE "$doc/NOTICE"
  install -m 644 README.md SECURITY.md "$doc/"
  install -d "$doc/docs"
  install -m 644 docs/*.md "$doc/docs/"
  mkdir -p "$doc/examples" "$root/DEBIAN" "$root/usr/share/man/man1"
  for net in furniture follow-the-sun knowledge-base archive; do cp -r "configs/$net" "$doc/examples/"; done
  printf 'meridian (%s) unstable; urgency=medium\n\n  * Built from commit %s.\n\n -- The Meridian authors <packages@meridian-gateway.example>  %s\n' \
    "$(printf %s "$version" | tr - '~')" "${commit:-not known}" "$(date -u -R -d "@$epoch")" | gzip -n9 >"$doc/changelog.gz"
  for page in "$work"/man/*; do gzip -n9c "$page" >"$root/usr/share/man/man1/$(basename "$page").gz"; done
  install -D -m 644 "$work/completions/meridian.bash" "$root/usr/share/bash-completion/completions/meridian"
  install -D -m 644 "$work/completions/_meridian" "$root/usr/share/zsh/vendor-completions/_meridian"
  install -D -m 644 "$work/completions/meridian.fish" "$root/usr/share/fish/vendor_completions.d/meridian.fish"
  install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$root/DEBIAN/"
  echo /etc/meridian/network.yaml >"$root/DEBIAN/conffiles"
  sed -e "s/@VERSION@/$(printf %s "$version" | tr - '~')/" -e "s/@ARCH@/$1/" -e "s/@SIZE@/$(du -ks "$root" | cut -f1)/" \
    deploy/debian/control.in >"$root/DEBIAN/control"
  find "$root" -type f -exec chmod u+rw,go+r,go-w {} +
  (cd "$root" && find . -type f -not -path './DEBIAN/*' -printf '%P\n' | sort | xargs -d '\n' md5sum >DEBIAN/md5sums)
  stamp "$root"
  dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >/dev/null
  say "$(basename "$deb")"
}

for target in $targets; do
  binary=$work/bin-${target//\//-}
  build "$target" "$binary"
  archive "$target" "$binary"
  case $target in
    linux/*) if command -v dpkg-deb >/dev/null; then debian "${target#*/}" "$binary"; else say "no dpkg-deb here: no .deb"; fi ;;
  esac
done
(cd "$out" && find . -maxdepth 1 -type f \( -name '*.tar.gz' -o -name '*.zip' -o -name '*.deb' \) -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS)
say "done: $out"
