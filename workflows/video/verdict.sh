#!/bin/sh -e
average=$(sed -n 's/^YAVG=\([0-9]*\).*/\1/p' "$SCAR_INPUT")
if [ "$average" -ge 96 ]; then verdict=bright; else verdict=dark; fi
printf '%s %s\n' "$verdict" "$average" > "$SCAR_OUT/$SCAR_STEM.txt"
