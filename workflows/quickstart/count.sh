#!/bin/sh -e
# One line a word: how often, a tab, the word.
tr -cs '[:alpha:]' '\n' < "$SCAR_INPUT" | tr '[:upper:]' '[:lower:]' | sort | uniq -c |
    while read -r times word; do
        printf '%s\t%s\n' "$times" "$word"
    done > "$SCAR_OUT/$SCAR_STEM.tsv"
