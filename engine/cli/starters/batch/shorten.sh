#!/bin/sh -e
# The first half minute, without decoding anything.
ffmpeg -nostdin -loglevel error -i "$SCAR_INPUT" -t 30 -c copy "$SCAR_OUT/$SCAR_STEM.mp4"
