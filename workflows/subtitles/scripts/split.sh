#!/bin/sh -e
ffmpeg -v error -i "$SCAR_INPUT" -an -c:v mpeg4 -q:v 4 "$SCAR_OUT/$SCAR_STEM.avi" \
    -vn -c:a pcm_s16le -ar 16000 -ac 1 "$SCAR_OUT/$SCAR_STEM.wav"
