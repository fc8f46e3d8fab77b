#!/bin/sh -e
# $SCAR_INPUT is the file that arrived. Every file below $SCAR_OUT becomes an output.
tr -cs '[:alpha:]' '\n' < "$SCAR_INPUT" | tr '[:upper:]' '[:lower:]' | sort | uniq -c | sort -rn |
    head -n 3 > "$SCAR_OUT/$SCAR_STEM.txt"
