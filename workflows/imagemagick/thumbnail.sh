#!/bin/sh -e
convert "$SCAR_INPUT" -thumbnail 64x64 "$SCAR_OUT/$SCAR_STEM.png"
