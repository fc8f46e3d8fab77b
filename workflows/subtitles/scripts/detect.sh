#!/bin/sh -e
darknet detector demo cfg/coco.data cfg/yolov3.cfg yolov3.weights "$SCAR_INPUT" \
    -thresh "$CONF" -dont_show -json_file_output "$SCAR_OUT/$SCAR_STEM.json"
