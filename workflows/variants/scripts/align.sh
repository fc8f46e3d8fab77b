#!/bin/sh -e
bwa-mem2 mem -t "$(nproc)" /reference/genome.fa "$SCAR_INPUT" |
    samtools sort -o "$SCAR_OUT/${SCAR_STEM%.fastq}.bam" -
