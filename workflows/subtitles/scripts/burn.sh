#!/bin/sh -e
cd "$SCAR_INPUT_DIR"
ffmpeg -v error -i "$SCAR_STEM.avi" -vf "subtitles=$SCAR_STEM.srt" -c:a copy "$SCAR_OUT/$SCAR_STEM.mp4"
cp "$SCAR_STEM.json" "$SCAR_OUT/$SCAR_STEM.json"
