#!/bin/sh -e
cp "$SCAR_INPUT" "$SCAR_OUT/burn"
