#!/bin/bash
# Everything that `make lint` checks: formatting, clippy, sizes, shell scripts. Goes through all and fails at the end, so that
# one run shows what is wrong. CARGO_FLAGS is passed to cargo.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

failed=()
check() { # name, command…
  local name=$1; shift
  echo "lint: $name"
  "$@" || failed+=("$name")
}
# The host, the components and the SDK are three workspaces; the last two are checked for this machine's target.
workspaces=(Cargo.toml guests/Cargo.toml sdk/rust/Cargo.toml)

for manifest in "${workspaces[@]}"; do
  check "rustfmt of $manifest" cargo fmt --manifest-path "$manifest" --all --check
done
for manifest in "${workspaces[@]}"; do
  # shellcheck disable=SC2086  # CARGO_FLAGS is a list of words
  check "clippy of $manifest" cargo clippy ${CARGO_FLAGS:-} --manifest-path "$manifest" --workspace --all-targets -- -D warnings
done
check "sizes" python3 packaging/build/sizes.py
mapfile -t scripts < <(grep -lr -m1 '^#!/bin/bash' .ci packaging tests)
check "shell scripts" shellcheck -x -S warning "${scripts[@]}"

[ ${#failed[@]} -eq 0 ] && { echo "lint: clean"; exit 0; }
printf 'lint: failed: %s\n' "${failed[@]}" >&2
exit 1
