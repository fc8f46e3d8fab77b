#!/bin/sh -e
ffprobe -v error -select_streams v:0 -show_entries stream=codec_name,width,height,nb_frames \
    -of default=noprint_wrappers=1 "$SCAR_INPUT" > "$SCAR_OUT/$SCAR_STEM.picture.txt"
