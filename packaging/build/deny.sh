#!/bin/bash
# Check licences, bans and sources of the host's, the components' and the SDK's dependencies against deny.toml.
# Installs cargo-deny with cargo where it is missing. Advisories are not checked: the answer would change without us.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "deny: installing cargo-deny"
  cargo install --locked --quiet cargo-deny
fi
for manifest in Cargo.toml guests/Cargo.toml sdk/rust/Cargo.toml; do
  echo "deny: $manifest"
  cargo deny --manifest-path "$manifest" --config "$PWD/deny.toml" check licenses bans sources
done
