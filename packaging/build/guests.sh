#!/bin/bash
# Build the components of guests/ and leave them as target/modules/NAME.wasm.
#   guests.sh              (cargo arguments in CARGO_FLAGS)
# Does nothing while guests/, sdk/, wit/, the compiler and the sysroot are what they were, and every component is there.
# A component is called as its crate, with dashes.
set -euo pipefail
cd "$(dirname "$0")/../.."

triple=wasm32-unknown-unknown
modules=target/modules
packaging/build/wasm-std.sh target/wasm-std

inputs() { # every byte that can change a component
  rustc -vV
  cat target/wasm-std/env
  find guests sdk wit packaging/build/guests.sh -name target -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
}
stamp=$(inputs | sha256sum | cut -d' ' -f1)
built() { [ -f "$modules/.stamp" ] && [ "$(head -n 1 "$modules/.stamp")" = "$stamp" ] && sed 1d "$modules/.stamp" | (cd "$modules" && sha256sum -c --quiet >/dev/null 2>&1); }
if built; then exit 0; fi

# Cargo does not see that a sysroot changed: what was built with another is thrown away.
sysroot=$(sha256sum < target/wasm-std/env)
if [ "$(cat guests/target/.sysroot 2>/dev/null)" != "$sysroot" ]; then
  rm -rf "guests/target/$triple"; mkdir -p guests/target; echo "$sysroot" > guests/target/.sysroot
fi

. target/wasm-std/env
# The messages name what this workspace makes; a directory listing would also show crates that are gone.
# shellcheck disable=SC2086  # CARGO_FLAGS is a list of words
messages=$(cd guests && cargo build ${CARGO_FLAGS:-} --workspace --release --target "$triple" --message-format json-render-diagnostics)
mapfile -t components < <(grep -o '"[^"]*/release/[^"/]*\.wasm"' <<<"$messages" | tr -d '"' | LC_ALL=C sort -u)
[ ${#components[@]} -gt 0 ] || { echo "guests: the workspace made no component" >&2; exit 1; }

# Made aside and put in place whole, so that a test running beside never sees half a set.
rm -rf "$modules.new"; mkdir -p "$modules.new"
for component in "${components[@]}"; do
  name=$(basename "$component" | tr _ -)
  cp "$component" "$modules.new/$name"
  echo "guests: $modules/$name $(($(stat -c %s "$component") / 1024)) KiB"
done
(cd "$modules.new" && { echo "$stamp"; sha256sum ./*.wasm; } > .stamp)
rm -rf "$modules"; mv "$modules.new" "$modules"
