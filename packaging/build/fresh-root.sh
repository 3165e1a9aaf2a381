#!/bin/bash
# Show that a new machine with Rust needs nothing else: a Debian root made by debootstrap, the toolchain bound in, and there, in a
# clone of the last commit, `make run` without a terminal and `make test`.
#   fresh-root.sh [COMMAND…]   another command than those two, run in the clone
# SUITE names the Debian suite (default: this machine's). Needs root. All runs in namespaces of its own and ends with this script;
# the root stays under target/fresh-root when something failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$PWD/target/fresh-root
root=$work/root
suite=${SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-}")}
toolchain=$(rustc --print sysroot)
say() { echo "fresh-root: $*" >&2; }
die() { say "$@"; exit 1; }

if [ "${1:-}" = --inside ]; then # in the namespaces: what only they should see, then the command in the new root
  shift
  mount --make-rprivate /
  # A mount point: it becomes the root of the namespace, not only of the command, so that what enters namespaces stays in it.
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  mount --bind "$toolchain" "$root/opt/rust"
  # A toolchain as it comes: the target of the components is ours to bring.
  target=$root/opt/rust/lib/rustlib/wasm32-unknown-unknown
  [ ! -d "$target" ] || mount -t tmpfs tmpfs "$target"
  proxies=()
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do [ -z "${!name:-}" ] || proxies+=("$name=${!name}"); done
  cd "$root"
  pivot_root . mnt
  exec chroot . env -i "${proxies[@]}" HOME=/root LANG=C.UTF-8 PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c 'umount --lazy /mnt && cd /root/vdsm && exec "$@"' bash "$@"
fi

mirror() { # where this machine's apt finds the suite
  apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | awk -v s="$suite" '$2 == s {print $1; exit}'
}
make_root() {
  local site
  site=$(mirror); [ -n "$site" ] || { apt-get -q update > /dev/null; site=$(mirror); }
  [ -n "$site" ] || die "no Debian mirror for '$suite' among apt's sources"
  say "debootstrap of $suite"
  debootstrap --variant=minbase --include=ca-certificates,make "$suite" "$root" "$site" > "$work/debootstrap.log" 2>&1 \
    || { tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed"; }
  # The new root reaches what this machine reaches, the same way; what debootstrap wrote would name it twice.
  rm -f "$root/etc/apt/sources.list"
  cp -a /etc/apt/. "$root/etc/apt/"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/"
  rm -rf "$root"/var/lib/apt/lists/*
  mkdir -p "$root/opt/rust"
}
clone() {
  git rev-parse -q --verify HEAD > /dev/null || die "there is no commit to clone"
  git diff --quiet HEAD || say "note: changes that are not committed are not in the clone"
  git clone --quiet --no-hardlinks . "$root/root/vdsm"
}

[ "$(id -u)" = 0 ] || die "needs root"
! grep -q " $work/" /proc/self/mounts || die "something is mounted under $work"
[ $# -gt 0 ] || set -- bash -c 'make run < /dev/null && make test'
rm -rf --one-file-system "$work"; mkdir -p "$work"
make_root
clone
say "in the new root: $*"
unshare --mount --uts --pid --fork --kill-child=KILL -- "$0" --inside "$@" < /dev/null || die "failed; the root is $root"
rm -rf --one-file-system "$work"
say "done"
