#!/bin/sh -e
# $SCAR_INPUT is the file that arrived. Every file below $SCAR_OUT becomes an output.
tr -cs '[:alpha:]' '\n' < "$SCAR_INPUT" | tr '[:upper:]' '[:lower:]' > "$SCAR_OUT/$SCAR_STEM.txt"
