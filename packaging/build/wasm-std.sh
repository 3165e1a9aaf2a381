#!/bin/bash
# Make rustc able to build for wasm32-unknown-unknown, also where rustup can add no target.
#   wasm-std.sh [OUT]      OUT defaults to target/wasm-std; afterwards `. OUT/env` and plain cargo builds guests
# Ways, first that works:
#   target  the toolchain has it, or rustup adds it
#   same    std built once from library sources of the very same version: rust-src of the toolchain, or Debian's package
#           (of the next releases' suites too)
#   web     std and a newer compiler: Debian's rustc-web with rust-web-src
# WASM_STD_WAY=target|same|web tries that one only. Nothing is installed system-wide: packages are unpacked under OUT.
# OUT/env is written last, so it stands for a finished sysroot; a second run with the same rustc does nothing.
set -euo pipefail

triple=wasm32-unknown-unknown
out=$(realpath -m "${1:-target/wasm-std}")
way=${WASM_STD_WAY:-}
# The ways are tried one after another, so a step inside one reports its failure itself: `set -e` sleeps there.
say() { echo "wasm-std: $*" >&2; }
wanted() { [ -z "$way" ] || [ "$way" = "$1" ]; }

version=$(rustc -vV | sed -n 's/^release: //p')
host=$(rustc -vV | sed -n 's/^host: //p')
sysroot=$(rustc --print sysroot)
compiler=$(rustup which rustc 2>/dev/null || command -v rustc)
linkers="$sysroot/lib/rustlib/$host/bin:$sysroot/lib/rustlib/$host/bin/gcc-ld"
key="rustc $(rustc -vV | sed -n 's/^commit-hash: //p') $way"

finish() { # compiler to use ('' is the machine's own), sysroot for the target ('' is the compiler's)
  { echo "# $key"
    [ -z "$1" ] || echo "export RUSTC='$1'"
    echo "export PATH=\"$linkers:\$PATH\""
    echo "export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld"
    echo "export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS='${2:+--sysroot $2 }-Cpanic=abort'"
  } > env.new
  mv env.new env
  exit 0
}

# --- Debian packages, downloaded and unpacked, never installed
version_of() { # package, version prefix, apt options…
  local package=$1 prefix=$2; shift 2
  apt-cache "$@" madison "$package" 2>/dev/null | awk -F'|' -v p="$prefix" '{gsub(/ /,"",$2)} index($2,p)==1 {print $2; exit}'
}
download() { apt-get -q -o APT::Sandbox::User=root "$@" >>apt.log 2>&1; }
archive() { apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -E '/debian/?$' | head -n 1; }
other_suites() { # apt options that look at the given suites only, in lists of our own
  local base suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  base=$(archive); [ -n "$base" ] && [ -e $keyring ] || return 1
  mkdir -p apt/lists/partial apt/cache/archives/partial
  for suite in "$@"; do echo "deb [signed-by=$keyring] ${base%/} $suite main"; done > apt/sources.list
  elsewhere=(-o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/apt/lists"
    -o Dir::Cache="$PWD/apt/cache" -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=-)
  download "${elsewhere[@]}" update
}
fetch_rust_src() { # -> deb/rust-src_*.deb of the compiler's version
  local found elsewhere=() debian_source="$version+"
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  found=$(version_of rust-src "$debian_source")
  if [ -z "$found" ]; then
    other_suites trixie-backports forky sid || return 1
    found=$(version_of rust-src "$debian_source" "${elsewhere[@]}")
  fi
  [ -n "$found" ] && (cd deb && download "${elsewhere[@]}" download "rust-src=$found")
}
unpack_library() { # deb -> the path of its library sources
  mkdir -p src
  dpkg-deb --fsys-tarfile "$1" | tar -x -C src --strip-components=4 --wildcards './usr/src/rustc-*/library'
  echo "$out/src/library"
}

# --- std of the target, built once into a sysroot that is otherwise links to the compiler's own
shadow_sysroot() { # the compiler's sysroot, library sources
  local entry
  mkdir -p sysroot/lib/rustlib/src/rust "sysroot/lib/rustlib/$triple/lib"
  for entry in "$1"/lib/*; do [ "$(basename "$entry")" = rustlib ] || ln -sfn "$entry" sysroot/lib/; done
  for entry in "$1"/lib/rustlib/*; do
    case $(basename "$entry") in src | "$triple") ;; *) ln -sfn "$entry" sysroot/lib/rustlib/ ;; esac
  done
  ln -sfn "$2" sysroot/lib/rustlib/src/rust/library
}
seed_crate() {
  mkdir -p seed/src; : > seed/src/lib.rs
  cat > seed/Cargo.toml <<'TOML'
[package]
name = "seed"
version = "0.0.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[profile.release]
panic = "abort"
[workspace]
TOML
}
build_std() { # compiler, library sources
  shadow_sysroot "$("$1" --print sysroot)" "$2"
  seed_crate
  printf '#!/bin/sh\nexec "%s" --sysroot "%s" "$@"\n' "$1" "$out/sysroot" > rustc; chmod +x rustc
  # embed-bitcode: guests with lto read it. RUSTC_BOOTSTRAP: build-std only, the guests themselves are built with stable.
  (cd seed && env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS PATH="$linkers:$PATH" RUSTC="$out/rustc" RUSTC_BOOTSTRAP=1 \
    RUSTFLAGS=-Cembed-bitcode=yes CARGO_TARGET_DIR="$out/seed/target" CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-component-ld \
    cargo build -q --release -Z build-std=std,panic_abort --target "$triple") || return 1
  cp "seed/target/$triple"/release/deps/*.rlib "sysroot/lib/rustlib/$triple/lib/" || return 1
  rm -rf seed apt deb src sysroot/lib/rustlib/src
}

# --- the ways
by_target() {
  if [ ! -d "$sysroot/lib/rustlib/$triple/lib" ]; then
    command -v rustup >/dev/null && timeout 120 rustup target add "$triple" >rustup.log 2>&1 || return 1
    [ -d "$sysroot/lib/rustlib/$triple/lib" ] || return 1
    say "rustup added $triple"
  fi
  finish "" ""
}
by_same_version() {
  local library="$sysroot/lib/rustlib/src/rust/library"
  if [ ! -d "$library" ]; then
    say "looking for library sources of rustc $version"
    fetch_rust_src || return 1
    library=$(unpack_library deb/rust-src_*.deb) || return 1
  fi
  say "building std of $version for $triple"
  build_std "$compiler" "$library" || return 1
  finish "" "$out/sysroot"
}
by_rustc_web() {
  local newer std llvm package library
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  newer=$(version_of rust-web-src ""); [ -n "$newer" ] || return 1
  std=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-/{print $2; exit}'); [ -n "$std" ] || return 1
  llvm=$(apt-cache depends "$std" | awk '/Depends: libllvm/{print $2; exit}')
  say "downloading rustc-web $newer"
  (cd deb && download download "rustc-web=$newer" "$std=$newer" "libstd-rust-web-dev=$newer" "rust-web-src=$newer" ${llvm:+"$llvm"}) || return 1
  for package in deb/rustc-web_*.deb deb/lib*.deb; do dpkg-deb -x "$package" web; done
  printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\nexec "%s" "$@"\n' \
    "$out/web/usr/lib/$(uname -m)-linux-gnu" "$out/web/usr/bin/rustc" > rustc-web; chmod +x rustc-web
  say "building std of rustc-web $newer for $triple"
  library=$(unpack_library deb/rust-web-src_*.deb) && build_std "$out/rustc-web" "$library" || return 1
  finish "$out/rustc" ""
}

[ -f "$out/env" ] && [ "$(head -n 1 "$out/env")" = "# $key" ] && exit 0
rm -rf "$out"; mkdir -p "$out/deb"; cd "$out"
if wanted target; then by_target || true; fi
if wanted same; then by_same_version || true; fi
if wanted web; then by_rustc_web || true; fi
[ ! -s apt.log ] || tail -n 5 apt.log >&2
say "no way to build for $triple: add the target with rustup, or provide rust-src $version, or rustc-web with rust-web-src"
exit 1
