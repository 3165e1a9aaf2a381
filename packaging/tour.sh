#!/bin/bash
# The whole way once, with the shipped programs only: a daemon under a fresh root on loopback, a VM in QEMU with a hook's edit,
# statistics, a hot swap under load, kill -9 and re-adoption, destroy. `make run` calls it.
# On a terminal it goes on serving until Ctrl-C; without one it ends after the tour. Any failure ends it non-zero. Whatever it
# started ends with it.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/run
root=$work/root
vm=1b4e28ba-2fa1-11d2-883f-0016d3cca427
vdsmd=$root/usr/sbin/vdsmd
tool() { "$root/usr/bin/vdsm-tool" --root "$root" "$@"; }
client() { "$root/usr/bin/vdsClient" "$address" "$@"; }

daemon="" load="" embedded="" address=""

step() { printf '\n== %s\n' "$*"; }
show() { # a command as a person would type it, then what it prints
  local program=$1 word; shift
  case $program in
    client) printf '$ vdsClient %s' "$address" ;;
    tool) printf '$ vdsm-tool --root %s' "${root#"$PWD"/}" ;;
  esac
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_.,:=/-]*) printf ' "%s"' "$word" ;; *) printf ' %s' "${word#"$PWD"/}" ;; esac
  done
  echo
  "$program" "$@"
}
fail() { echo "tour: $*" >&2; exit 1; }
alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$1/status"; }

# --- what may run because of us, and its end

# QEMU's processes of one embedded libvirt: its pid files, believed only where the process names that folder.
machines() { # embedded root -> pids
  local file pid
  for file in "$1"/run/qemu/*.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    if tr '\0' ' ' 2>/dev/null < "/proc/$pid/cmdline" | grep -qF -- "$1/"; then echo "$pid"; fi
  done
}
end() { # pid: asks, waits, insists
  alive "$1" || return 0
  kill -TERM "$1" 2>/dev/null || true
  for _ in $(seq 50); do alive "$1" || return 0; sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
}
clean_up() {
  local status=$? pid
  trap - EXIT INT TERM
  [ -z "$load" ] || { : > "$work/stop"; end "$load"; }
  end "$daemon"
  if [ -n "$embedded" ]; then
    for pid in $(machines "$embedded"); do end "$pid"; done
    rm -rf --one-file-system "$embedded" "$work/embedded"
  fi
  rm -f "$work/tour.pid"
  [ $status -eq 0 ] || { echo "tour: failed; the last words of the daemon:" >&2; tail -n 15 "$work/vdsmd.err" "$root/var/log/vdsm/vdsm.log" >&2 || true; }
  exit $status
}
# A tour that was killed could not clean up: the next one does it.
after_an_earlier_one() {
  local pid
  if [ -s "$work/tour.pid" ]; then
    pid=$(cat "$work/tour.pid")
    if alive "$pid" && grep -qsa tour.sh "/proc/$pid/cmdline"; then fail "another tour runs (pid $pid)"; fi
  fi
  if [ -s "$work/vdsmd.pid" ] && pid=$(cat "$work/vdsmd.pid") && grep -qsaF "$root" "/proc/$pid/cmdline"; then end "$pid"; fi
  if [ -s "$work/embedded" ]; then
    embedded=$(cat "$work/embedded")
    for pid in $(machines "$embedded"); do end "$pid"; done
    rm -rf --one-file-system "$embedded"
  fi
  rm -rf --one-file-system "$work"
}

# --- the daemon

write_configuration() {
  cat > "$root/etc/vdsm/vdsm.conf" <<CONF
# A development root: loopback, no TLS, libvirt's QEMU driver inside the daemon, no KVM.
[vars]
ssl = false
fake_kvm_support = true
[addresses]
management_ip = 127.0.0.1
management_port = 0
[libvirt]
uri = qemu:///embed?root=$embedded
CONF
}
start_daemon() { # sets $daemon and $address
  local line="" deadline=$((SECONDS + 30))
  : > "$work/listening"
  "$vdsmd" --root "$root" > "$work/listening" 2>> "$work/vdsmd.err" < /dev/null &
  daemon=$!
  echo "$daemon" > "$work/vdsmd.pid"
  while [ $SECONDS -lt $deadline ]; do
    line=$(head -n 1 "$work/listening")
    case $line in "listening on http://"*/) break ;; esac
    alive "$daemon" || fail "the daemon ended before it listened"
    sleep 0.05
  done
  address=${line#listening on http://}; address=${address%/}
  [ -n "$address" ] || fail "the daemon did not say where it listens within 30 s"
  echo "vdsmd (pid $daemon): $line"
}
# Until libvirt has answered, VM verbs say 99 (recovering from crash or still initializing).
wait_until_serving() {
  local deadline=$((SECONDS + 60))
  until client list ids > /dev/null 2>&1; do
    alive "$daemon" || fail "the daemon ended"
    [ $SECONDS -lt $deadline ] || fail "list still refused after 60 s"
    sleep 0.2
  done
}
# A VM without an agent is "Powering up" for its first minute, then "Up": both run.
wait_until_running() {
  local deadline=$((SECONDS + 60)) row=""
  while [ $SECONDS -lt $deadline ]; do
    row=$(client list table | grep "^$vm" || true)
    case $row in
      *" Powering up"* | *" Up"*) return 0 ;;
      *" Down"*) client list "vms:$vm" >&2 || true; fail "the VM is Down" ;;
    esac
    sleep 0.2
  done
  fail "the VM does not run after 60 s: ${row:-not listed}"
}

# --- calls without pause while something happens

start_load() {
  rm -f "$work/stop" "$work/load"
  ( calls=0 failures=0 slowest=0
    while [ ! -e "$work/stop" ]; do
      before=${EPOCHREALTIME/./}
      client getVdsStats > /dev/null 2>> "$work/load.err" || failures=$((failures + 1))
      took=$((${EPOCHREALTIME/./} - before))
      calls=$((calls + 1))
      [ $took -le $slowest ] || slowest=$took
    done
    echo "$calls $failures $slowest" > "$work/load" ) &
  load=$!
}
stop_load() { # prints the count; a failed call fails the tour
  local calls failures slowest
  : > "$work/stop"; wait "$load"; load=""
  read -r calls failures slowest < "$work/load"
  echo "meanwhile: $calls calls of vdsClient, $failures failed, slowest $((slowest / 1000)) ms (each a process and a connection of its own)"
  [ "$failures" = 0 ] && [ "$calls" -gt 0 ] || fail "calls failed: $(tail -n 3 "$work/load.err")"
}

# --- the tour

prepare() {
  [ "$(id -u)" = 0 ] || fail "a VM in QEMU by libvirt's embedded driver needs root: run it as root or through sudo"
  after_an_earlier_one
  mkdir -p "$work"; echo $$ > "$work/tour.pid"
  trap clean_up EXIT; trap 'exit 130' INT; trap 'exit 143' TERM
  # Short on purpose: QEMU's monitor sockets lie below it, and a socket's path ends at 107 bytes.
  embedded=$(mktemp -d /var/tmp/vdsm.XXXXXX); echo "$embedded" > "$work/embedded"
  DESTDIR=$root prefix=/usr sysconfdir=/etc localstatedir=/var sbindir=/usr/sbin bindir=/usr/bin packaging/build/install.sh
  write_configuration
}
the_host() {
  step "a daemon under ${root#"$PWD"/}: loopback, no TLS, embedded libvirt (development only, vdsm.conf says so)"
  start_daemon
  wait_until_serving
  show tool module list
  step "what this host can do"
  show client getVdsCaps
}
a_machine() {
  step "a VM that runs in QEMU; the smbios hook edits its XML on the way"
  qemu-img create -q -f qcow2 "$work/disk.qcow2" 64M
  cat > "$work/vm.conf" <<CONF
vmId=$vm
vmName=tour
vmType=kvm
memSize=64
smp=1
display=vnc
CONF
  show client create "$work/vm.conf" "devices={type:disk,device:disk,iface:virtio,index:0,format:cow,path:$work/disk.qcow2}" \
    "custom_smbios={'serial': 'tour-1'}"
  wait_until_running
  show client list table
  step "what the hooks changed"
  show tool hook show "$vm"
  step "statistics"
  show client getVmStats "$vm"
}
# The same component with one more custom section: another digest, the same behaviour.
another_version() { # component -> its path
  local copy
  copy=$work/$(basename "$1")
  cp "$1" "$copy"
  printf '\x00\x05\x04tour' >> "$copy"
  echo "$copy"
}
a_swap() {
  local next packaged=$root/usr/lib/vdsm/modules/verbs-host.wasm
  next=$(another_version "$packaged")
  step "hot swap of the module that answers getVdsStats, while calls go on"
  start_load; sleep 1
  show tool module swap verbs-host "$next"; sleep 0.5
  show tool module swap verbs-host "$packaged"; sleep 0.5
  show tool module rollback verbs-host; sleep 0.5
  stop_load
  show tool module show verbs-host
}
a_crash() {
  local machine
  machine=$(machines "$embedded"); [ -n "$machine" ] || fail "no QEMU under $embedded"
  step "kill -9 of the daemon: the VM (QEMU pid $machine) lives on and is found again"
  kill -KILL "$daemon"; wait "$daemon" 2>/dev/null || true
  alive "$machine" || fail "QEMU ended with the daemon"
  echo "vdsmd is gone, QEMU $machine runs"
  start_daemon
  wait_until_serving
  wait_until_running
  alive "$machine" || fail "QEMU ended while the daemon started"
  show client list table
  show client getAllVmStats
}
the_end() {
  local machine
  machine=$(machines "$embedded")
  step "destroy"
  show client destroy "$vm"
  for _ in $(seq 50); do alive "$machine" || break; sleep 0.1; done
  ! alive "$machine" || fail "QEMU $machine still runs after destroy"
  [ -z "$(client list ids)" ] || fail "the VM is still listed"
  echo "QEMU $machine is gone, nothing is listed"
}
stay() {
  trap 'exit 0' INT # the end a person chose
  step "the daemon goes on serving on http://$address/ until Ctrl-C. To try next:"
  local at="${root#"$PWD"/}"
  cat <<NEXT
  $at/usr/bin/vdsClient $address create ${work#"$PWD"/}/vm.conf
  $at/usr/bin/vdsClient $address list
  $at/usr/bin/vdsm-tool --root $at verbs
  $at/usr/bin/vdsm-tool --root $at module list
  python3 -c 'import xmlrpc.client as x; print(x.ServerProxy("http://$address").ping())'
  docs/writing-hooks.md: a hook of your own
NEXT
  wait "$daemon" || fail "the daemon ended"
}

prepare
the_host
a_machine
a_swap
a_crash
the_end
step "the tour is done"
if [ -t 0 ] && [ -t 1 ]; then stay; fi
