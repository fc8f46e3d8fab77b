#!/bin/sh -e
ffmpeg -hide_banner -nostats -i "$SCAR_INPUT" -af volumedetect -f null - 2>&1 |
    sed -n 's/^.*\(mean_volume\|max_volume\): /\1 /p' > "$SCAR_OUT/$SCAR_STEM.sound.txt"
