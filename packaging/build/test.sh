#!/bin/bash
# Run every test of the project: the host's workspace (pure, mock host, test:///default, QEMU), the components and the SDK.
#   test.sh [FILTER…]      filters are passed to the host's test runner only
# Programs and test binaries are built in one cargo call, so features are resolved once; the black-box tests find the
# programs beside themselves. Components come from target/modules (VDSM_TEST_MODULES names another folder).
# A test that cannot run on this machine writes a line to $VDSM_SKIPS; they are printed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

export VDSM_TEST_MODULES=${VDSM_TEST_MODULES:-$PWD/target/modules}
export VDSM_SKIPS=${VDSM_SKIPS:-$PWD/target/skips}
mkdir -p "$(dirname "$VDSM_SKIPS")"; : > "$VDSM_SKIPS"
read -ra flags <<<"${CARGO_FLAGS:-}"

with_nextest=no
if cargo nextest --version >/dev/null 2>&1; then with_nextest=yes; fi
suite() { # manifest, filters…
  local manifest=$1; shift
  if [ $with_nextest = yes ]; then
    cargo nextest run "${flags[@]}" --manifest-path "$manifest" --workspace "$@"
  else
    cargo test "${flags[@]}" --manifest-path "$manifest" --workspace "$@"
  fi
}

failed=()
cargo build "${flags[@]}" --workspace --bins --tests
suite Cargo.toml "$@" || failed+=("host")
if [ $# -eq 0 ]; then
  suite guests/Cargo.toml || failed+=("guests")
  suite sdk/rust/Cargo.toml || failed+=("sdk")
fi

if [ -s "$VDSM_SKIPS" ]; then
  echo "skipped:"; sort -u "$VDSM_SKIPS" | sed 's/^/  /'
fi
[ ${#failed[@]} -eq 0 ] || { echo "tests failed: ${failed[*]}" >&2; exit 1; }
