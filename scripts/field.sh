#!/usr/bin/env bash
# Installs what the tests in tests/field need and is not there yet: Redmine and Request Tracker from the packages of Debian or
# Ubuntu, with SQLite. No service is started and nothing outside of the packages and .cache/field is written. A prepared database
# of each goes into .cache/field, from which the tests copy. Running it again costs nothing; after a change in
# tests/field/setup the database concerned is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/field
setup=$PWD/tests/field/setup

say() { printf 'field: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The Bundler inside of a newer libruby does not know gems that are installed as Debian does it; the one of the package
# ruby-bundler does, so it goes first.
bundler() {
  local lib
  for lib in /usr/share/rubygems-integration/all/gems/bundler-*/lib; do
    if [ -d "$lib" ]; then printf '%s' "$lib"; fi
  done
}

has() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

packages() {
  local p missing=()
  for p in redmine redmine-sqlite puma sqlite3 request-tracker5 rt5-db-sqlite rt5-standalone; do
    if ! has "$p"; then missing+=("$p"); fi
  done
  if [ ${#missing[@]} = 0 ]; then return; fi
  say "installing ${missing[*]} with apt"
  as_root apt-get update -qq
  as_root debconf-set-selections <<'END'
redmine redmine/instances/default/dbconfig-install boolean false
redmine redmine/current-instances string
request-tracker5 request-tracker5/dbconfig-install boolean false
END
  local quiet=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
  as_root "${quiet[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    as_root "${quiet[@]}" RUBYLIB="$(bundler)" dpkg --configure -a >/dev/null
}

# made NAME FILE...: whether the database of that name was made from these files as they are now.
made() {
  local sum
  sum=$(sha256sum "${@:2}" | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$cache/$1/made" 2>/dev/null)" = "$sum" ]; then return 0; fi
  printf '%s' "$sum" >"$cache/$1.sum"
  return 1
}

redmine() {
  mkdir -p "$cache/redmine"
  if made redmine "$setup/redmine.rb" /usr/share/redmine/config/application.rb; then return; fi
  say "preparing Redmine, about a minute"
  local app=$cache/redmine/app seed=$cache/redmine/app/instances/seed
  rm -rf "$cache/redmine"
  mkdir -p "$app"
  tar -C /usr/share/redmine --exclude=./instances --exclude=./Gemfile.lock --exclude=./config/database.yml -cf - . | tar -C "$app" -xf -
  printf 'gem "sqlite3"\ngem "puma"\n' >"$app/Gemfile.local"
  mkdir -p "$seed"/{config,log,files,tmp,public/plugin_assets}
  printf 'production:\n  adapter: sqlite3\n  database: %s\n' "$seed/db.sqlite3" >"$seed/config/database.yml"
  printf '%s' 5d9e1ab0c36f48a2b7d0f1e24c5a6b78 >"$seed/config/secret_key.txt"
  export RUBYLIB BUNDLE_GEMFILE="$app/Gemfile" RAILS_ENV=production REDMINE_INSTANCE=seed REDMINE_LANG=en SCHEMA=/dev/null
  RUBYLIB=$(bundler)
  {
    cd "$app" && bundle install --local --quiet && bundle exec rake db:migrate && bundle exec rake redmine:load_default_data &&
      bundle exec rails runner "$setup/redmine.rb" && cd "$OLDPWD"
  } >"$cache/redmine.log" 2>&1 || { tail -30 "$cache/redmine.log" >&2; return 1; }
  mv "$cache/redmine.sum" "$cache/redmine/made"
}

rt() {
  mkdir -p "$cache/rt"
  if made rt "$setup/rt.pl" "$setup/RT_SiteConfig.pm" /usr/share/request-tracker5/lib/RT/Generated.pm; then return; fi
  say "preparing Request Tracker, about half a minute"
  rm -rf "$cache/rt"
  mkdir -p "$cache/rt" "$cache/rt/empty"
  export RT_SITE_CONFIG="$setup/RT_SiteConfig.pm" RT_SITE_CONFIG_DIR="$cache/rt/empty" FIELD_DIR="$cache/rt" FIELD_PORT=80
  {
    rt-setup-database-5 --action init --skip-create --force &&
      perl -I/usr/share/request-tracker5/lib "$setup/rt.pl"
  } >"$cache/rt.log" 2>&1 || { tail -30 "$cache/rt.log" >&2; return 1; }
  mv "$cache/rt.sum" "$cache/rt/made"
}

mkdir -p "$cache"
packages
redmine
rt
say "everything is there"
