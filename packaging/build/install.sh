#!/bin/bash
# Place the files of an installation, the one layout that packages, development roots and tests share.
#   install.sh [PART…]     parts: programs modules configuration sdk directories (all without arguments)
# From the environment: DESTDIR, prefix, sysconfdir, localstatedir, sbindir, bindir; PROGRAMS and MODULES are the folders that
# were built. The daemon finds everything under its root, so DESTDIR=D makes D a complete root for `vdsmd --root D`.
# Files of etc/ belong to the operator: one that is there and differs stays, the packaged one is put beside it as NAME.new.
set -euo pipefail
cd "$(dirname "$0")/../.."

prefix=${prefix:-/usr} sysconfdir=${sysconfdir:-/etc} localstatedir=${localstatedir:-/var}
sbindir=${sbindir:-$prefix/sbin} bindir=${bindir:-$prefix/bin}
root=${DESTDIR:-} programs=${PROGRAMS:-target/release} modules=${MODULES:-target/modules}

need() { compgen -G "$1" > /dev/null || { echo "install: $1 is not there: run '$2' first" >&2; exit 1; }; }
operators() { # mode, file, directory
  local name target
  name=$(basename "$2") target=$3/$(basename "$2")
  if [ -e "$target" ] && ! cmp -s "$2" "$target"; then
    install -m "$1" "$2" "$target.new"
    echo "install: kept ${target#"$root"}, the packaged $name is beside it as $name.new"
  else
    install -m "$1" "$2" "$target"
  fi
}

part_programs() {
  need "$programs/vdsmd" "make build"
  install -d "$root$sbindir" "$root$bindir"
  install -m 755 "$programs/vdsmd" "$root$sbindir/"
  install -m 755 "$programs/vdsm-tool" "$programs/vdsClient" "$root$bindir/"
  # Line tables are five sixths of the files; they stay in the build folder.
  strip --strip-debug "$root$sbindir/vdsmd" "$root$bindir/vdsm-tool" "$root$bindir/vdsClient"
}
part_modules() {
  need "$modules/*.wasm" "make guests"
  install -d "$root$prefix/lib/vdsm/modules"
  install -m 644 "$modules"/*.wasm "$root$prefix/lib/vdsm/modules/"
}
part_configuration() {
  local manifest
  install -d "$root$sysconfdir/vdsm/modules.d"
  operators 644 packaging/vdsm.conf "$root$sysconfdir/vdsm"
  for manifest in packaging/modules.d/*.toml; do operators 644 "$manifest" "$root$sysconfdir/vdsm/modules.d"; done
  # Modules that an operator switches on, by a copy.
  install -D -m 644 -t "$root$prefix/share/vdsm/modules.d.examples" packaging/modules.d.examples/*.toml
}
part_sdk() { # what a third party's crate depends on. The interfaces are a link in the source tree and files here
  local share="$root$prefix/share/vdsm" file
  while IFS= read -r -d '' file; do install -D -m 644 "$file" "$share/$file"; done \
    < <(find -L sdk -name target -prune -o -type f -print0)
  while IFS= read -r -d '' file; do install -D -m 644 "$file" "$share/sdk/$file"; done < <(find wit -type f -print0)
  install -D -m 644 -t "$share/doc" docs/*.md COPYING README.md
}
part_directories() {
  install -d -m 755 "$root$localstatedir/lib/vdsm" "$root$localstatedir/log/vdsm" "$root$localstatedir/run/vdsm" "$root/rhev/data-center"
}

[ $# -gt 0 ] || set -- programs modules configuration sdk directories
whole=no
[ $# -lt 5 ] || whole=yes
for part in "$@"; do
  case $part in
    programs | modules | configuration | sdk | directories) "part_$part" ;;
    *) sed -n '2,6p' "$0"; exit 2 ;;
  esac
done
if [ $whole = yes ]; then
  echo "install: installed below ${root:-/}; before the first start: \`ssl = false\` in $sysconfdir/vdsm/vdsm.conf (docs/installing.md tells the rest)"
fi
