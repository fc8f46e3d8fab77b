#!/bin/sh
# Builds the images of the examples from programs of this machine, as OCI layouts beside this file.
#
#   build.sh SCAR NAME...     SCAR is the scar command, NAME is shell, imagemagick or ffmpeg
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scar=$1
shift

pack() { # name, then what `scar image pack` takes
    name=$1
    shift
    "$scar" image pack --output "$here/$name" sh cat cp mv rm mkdir ls tr sort uniq head tail wc sed grep cut "$@"
}

libraries=/usr/lib/$(uname -m)-linux-gnu

for name; do
    case $name in
        shell) pack shell ;;
        imagemagick)
            pack imagemagick convert-im6.q16 identify-im6.q16 \
                --link /usr/bin/convert=convert-im6.q16 --link /usr/bin/identify=identify-im6.q16 \
                --file /etc/ImageMagick-6 --file "$(echo "$libraries"/ImageMagick-6.*)"
            ;;
        ffmpeg) pack ffmpeg ffmpeg ffprobe ;;
        *)
            echo "build.sh: no image named $name (there are: shell imagemagick ffmpeg)" >&2
            exit 2
            ;;
    esac
done
