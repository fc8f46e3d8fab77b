#!/usr/bin/env bash
# Builds the image that the engines are compared with, as one archive of its root.
# usage: image.sh (small|large) ARCHIVE
# Needs root and debootstrap.
set -euo pipefail
set=$1 archive=$2

packages="perl python3 libpython3.11-testsuite git sqlite3 busybox-static esbuild musl file"
if [ "$set" = large ]; then
    packages="$packages imagemagick ffmpeg ruby luajit nodejs default-jdk-headless r-base-core \
        erlang-base elixir gcc libc6-dev golang-go fonts-dejavu-core jq zip unzip"
fi

work=$(mktemp -d -p "$(dirname "$archive")")
root=$work/root
clean() {
    umount "$root/proc" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

debootstrap --variant=minbase bookworm "$root" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }
inside apt-get -qq update
# shellcheck disable=SC2086 # a list
inside apt-get -qq -o Dpkg::Options::=--force-unsafe-io install -y --no-install-recommends $packages
umount "$root/proc"
echo "from the image" >"$root/etc/image-only"

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/dev/* "$root"/usr/share/man/*
# What another user than root cannot read would be missing in the copy of another user.
chmod -R a+rX "$root"
tar -C "$root" -cf "$work/archive" .
mv "$work/archive" "$archive"
