#!/bin/bash
# The first process of a test's machine; it was started in new mount, UTS and PID namespaces.
#   machine.sh FOLDER alone|libvirtd
# Writes FOLDER/ready when all is up. Stays, and reaps what is left to it, until it is killed: then all inside ends.
set -euo pipefail
folder=$1 kind=$2

mount --make-rprivate /
mount -t proc proc /proc
# Another name than the real machine's: libvirt refuses to migrate between hosts of one name.
hostname "$(basename "$folder")"
mount -t tmpfs tmpfs /run
mkdir -p /run/libvirt /run/lock

private_libvirt() { # configuration and state of our own over the real machine's
  local part
  mkdir -p "$folder"/{etc,lib,cache,log}
  cp -a /etc/libvirt/. "$folder/etc/"
  rm -rf "$folder"/etc/qemu/networks/autostart/*
  cat > "$folder/etc/libvirtd.conf" <<CONF
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
auth_unix_rw = "none"
auth_unix_ro = "none"
max_clients = 500
CONF
  # user root: where /dev/kvm is closed to others, libvirt throws its probes of QEMU away and every start takes half a minute.
  # stdio_handler file: no virtlogd.
  cat > "$folder/etc/qemu.conf" <<CONF
stdio_handler = "file"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
CONF
  mount --bind "$folder/etc" /etc/libvirt
  for part in lib cache log; do
    mkdir -p "/var/$part/libvirt"
    mount --bind "$folder/$part" "/var/$part/libvirt"
  done
}

case $kind in
  alone) ;;
  libvirtd)
    private_libvirt
    libvirtd &
    until virsh --connect qemu:///system version > /dev/null 2>&1; do
      kill -0 $! || exit 1
      sleep 0.1
    done
    ;;
  *) sed -n '2,4p' "$0"; exit 2 ;;
esac
: > "$folder/ready"
while :; do sleep 3600 & wait $! || true; done
