#!/bin/bash
# Remove what was built: target/, guests/target, sdk/rust/target. Refuses while a process still uses a file below them (a daemon
# of `make run`, its QEMU) or something is mounted there.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=$PWD
folders=(target guests/target sdk/rust/target)
for folder in "${folders[@]}"; do
  if grep -q " $here/$folder/" /proc/self/mounts; then
    echo "clean: something is mounted under $folder; nothing removed" >&2; exit 1
  fi
  users=$(find /proc/[0-9]*/{exe,cwd,root} -maxdepth 0 -lname "$here/$folder/*" 2>/dev/null | cut -d/ -f3 | sort -un | tr '\n' ' ' || true)
  [ -z "$users" ] || { echo "clean: processes still run from $folder: $users; nothing removed" >&2; exit 1; }
done
rm -rf --one-file-system "${folders[@]}"
