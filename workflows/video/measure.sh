#!/bin/sh -e
# Brightness and colour of one frame, a "name=value" line each.
ffmpeg -v error -i "$SCAR_INPUT" -vf signalstats,metadata=print:file=/tmp/measures -f null -
grep -E 'YAVG|SATAVG|HUEAVG' /tmp/measures | sed 's/^lavfi\.signalstats\.//' > "$SCAR_OUT/$SCAR_STEM.txt"
