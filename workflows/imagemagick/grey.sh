#!/bin/sh -e
convert "$SCAR_INPUT" -colorspace Gray "$SCAR_OUT/$SCAR_STEM.png"
