#!/bin/sh -e
# $SCAR_ITEM is one text of the scatter, $SCAR_INDEX its number. Names must not meet those of other items.
number=$(tr -cd "$SCAR_ITEM" < "$SCAR_INPUT" | wc -c)
printf '%s\t%s\n' "$SCAR_ITEM" "$number" > "$SCAR_OUT/$SCAR_STEM.$SCAR_INDEX.tsv"
