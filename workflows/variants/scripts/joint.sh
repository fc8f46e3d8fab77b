#!/bin/sh -e
set -- "$SCAR_INPUT_DIR"/*.g.vcf.gz
for shard; do
    set -- "$@" -V "$shard"
    shift
done
gatk CombineGVCFs -R /reference/genome.fa "$@" -O "$SCAR_OUT/$SCAR_STEM.vcf.gz"
