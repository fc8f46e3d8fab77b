#!/bin/sh
# Makes an OCI layout with three images of Debian packages: `debian`, `media` and `pydata`.
set -eu
folder=$1
mkdir -p "$folder"
layout=$folder/layout
rm -rf "$layout" "$folder/bundle" "$folder/base"
umoci init --layout "$layout"

# layer IMAGE FROM PACKAGES...: the image FROM with one more layer, which has these packages.
layer() {
  image=$1 from=$2; shift 2
  umoci unpack --image "$layout:$from" "$folder/bundle"
  root=$folder/bundle/rootfs
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -qq -y --no-install-recommends "$@" >>"$folder/log" 2>&1
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/*
  umoci repack --image "$layout:$image" "$folder/bundle"
  rm -rf "$folder/bundle"
}

debootstrap --variant=minbase --include=ca-certificates bookworm "$folder/base" http://deb.debian.org/debian >>"$folder/log" 2>&1
rm -rf "$folder"/base/var/cache/apt/archives/*.deb "$folder"/base/var/lib/apt/lists/* "$folder"/base/var/cache/apt/*.bin
umoci new --image "$layout:empty"
umoci insert --image "$layout:empty" --tag debian "$folder/base" /
rm -rf "$folder/base"
layer media2 debian ffmpeg imagemagick
layer media media2 r-base-core gstreamer1.0-plugins-good
layer pydata2 debian python3-numpy python3-pandas
layer pydata3 pydata2 npm g++ git
layer pydata pydata3 jupyter-notebook python3-sympy python3-django
umoci gc --layout "$layout"
touch "$folder/complete"
