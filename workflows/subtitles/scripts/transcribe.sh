#!/bin/sh -e
audio2srt "$SCAR_INPUT" > "$SCAR_OUT/$SCAR_STEM.srt"
