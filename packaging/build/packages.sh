#!/bin/bash
# Install what a target needs and the machine lacks; silent when all is there.
#   packages.sh GROUP…      groups: build, run, lint, fresh-root
# With apt-get, as root or through sudo, it installs; elsewhere it names what is missing and fails.
# A need is tested by what it gives (a program, a file, a pkg-config module), not by a package's name, so that what was
# installed another way counts.
set -euo pipefail

say() { echo "packages: $*" >&2; }
die() { say "$@"; exit 1; }
program() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }

# group | package of Debian and Ubuntu | test
needs() {
  cat <<'TABLE'
build|make|program make
build|gcc|program cc
build|libc6-dev|[ -e /usr/include/stdio.h ]
build|pkg-config|program pkg-config
build|libvirt-dev|program pkg-config && pkg-config --exists libvirt libvirt-qemu
run|libvirt-daemon-system|program libvirtd
run|libvirt-clients|program virsh
run|qemu-system-x86|program qemu-system-x86_64
run|qemu-utils|program qemu-img
run|seabios|[ -e /usr/share/seabios/bios-256k.bin ] || [ -e /usr/share/qemu/bios-256k.bin ]
run|python3|program python3
run|util-linux|program unshare && program nsenter
lint|python3|program python3
lint|shellcheck|program shellcheck
fresh-root|debootstrap|program debootstrap
fresh-root|git|program git
TABLE
}

missing() { # groups -> the packages whose test fails, each once
  local group package test wanted=" $* "
  while IFS='|' read -r group package test; do
    [[ $wanted == *" $group "* ]] || continue
    eval "$test" >/dev/null 2>&1 || echo "$package"
  done < <(needs) | sort -u
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt() { # one place for the options every call shares
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}
update() { say "reading the package lists (apt-get update)"; apt update >/dev/null || die "apt-get update failed"; }

# A plan is the arguments of one `apt-get install`. Asked with -s first: it must be possible and remove nothing.
removals() { sed -n 's/^Remv \([^ ]*\).*/\1/p' <<<"$1"; }
plan_works() { # arguments -> 0 when apt would install them and remove nothing; leaves apt's words in $said
  said=$(apt -s install "$@" 2>&1) && [ -z "$(removals "$said")" ]
}
candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p'; }
# A qemu-utils newer than the release's (from its backports) conflicts with the release's qemu-system: then all of QEMU is
# taken from the release, which puts qemu-utils back to the version of qemu-system-x86.
one_release_of_qemu() { # packages -> the same set with QEMU's parts of one version
  local version package
  version=$(candidate qemu-system-x86)
  echo --allow-downgrades
  for package in "$@"; do [ "$package" = qemu-utils ] || echo "$package"; done
  echo "qemu-utils=$version"
}

choose_plan() { # packages -> $plan
  plan=("$@")
  plan_works "${plan[@]}" && return
  if [[ " $* " == *" qemu-system-x86 "* ]]; then
    mapfile -t plan < <(one_release_of_qemu "$@")
    plan_works "${plan[@]}" && return
  fi
  return 1
}

install_packages() { # packages
  local plan said removed updated=no
  if [[ $(candidate "$1") == "" || $(candidate "$1") == "(none)" ]]; then update; updated=yes; fi
  if ! choose_plan "$@"; then
    if [ $updated = no ]; then update; updated=yes; fi
    if ! choose_plan "$@"; then
      removed=$(removals "$said" | tr '\n' ' ')
      [ -z "$removed" ] || die "apt-get install $* would remove: $removed- not done; install a set of your choice by hand"
      printf '%s\n' "$said" | tail -n 20 >&2
      die "apt-get cannot install: $*"
    fi
  fi
  say "installing: ${plan[*]}"
  [ "${plan[0]}" != --allow-downgrades ] || say "qemu-utils goes back to the release's version: a newer one conflicts with its qemu-system-x86"
  apt install "${plan[@]}" >"$log" 2>&1 && return
  # Lists older than the archive name files that are gone.
  [ $updated = yes ] || { update; apt install "${plan[@]}" >"$log" 2>&1 && return; }
  tail -n 30 "$log" >&2
  die "apt-get install failed: ${plan[*]}"
}

main() {
  [ $# -gt 0 ] || { sed -n '2,6p' "$0"; exit 2; }
  local lacking
  mapfile -t lacking < <(missing "$@")
  [ ${#lacking[@]} -gt 0 ] || return 0
  program apt-get || die "missing (names as in Debian): ${lacking[*]}"
  [ "$(id -u)" = 0 ] || program sudo || die "missing: ${lacking[*]} (no root and no sudo to install them)"
  log=$(mktemp); trap 'rm -f "$log"' EXIT
  say "missing: ${lacking[*]}"
  install_packages "${lacking[@]}"
  mapfile -t lacking < <(missing "$@")
  [ ${#lacking[@]} -eq 0 ] || die "still missing after the installation: ${lacking[*]}"
}
main "$@"
