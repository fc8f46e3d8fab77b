#!/bin/sh -e
ffmpeg -v error -i "$SCAR_INPUT" -vf fps=1 "$SCAR_OUT/$SCAR_STEM-%03d.png"
