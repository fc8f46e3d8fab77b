#!/bin/sh -e
# A framed tile for the sheet, and a line that describes it.
convert "$SCAR_INPUT" -bordercolor white -border 4 "$SCAR_OUT/$SCAR_STEM.png"
identify -format '%wx%h %[colorspace]\n' "$SCAR_INPUT" > "$SCAR_OUT/$SCAR_STEM.txt"
