# Interpreters of scripts, with arguments, in chains, missing, and without execution rights.
cd /out
printf '#!/bin/cat\nbody\n' > a; printf '#!/bin/sh -e\necho "$0 $1"; false; echo no\n' > b
printf '#!%s/b one\n' "$PWD" > c; printf '#!/usr/bin/env -S python3 -I\nimport sys; print(sys.argv, sys.flags.isolated)\n' > d
printf '#!/no/such\n' > e; printf 'echo plain "$@"\n' > f; printf '#! /bin/sh\necho "blank $0"\n' > g; chmod +x a b c d e f g
./a; ./b two; echo $?; ./c three; echo $?; ./d x; ./e; echo $?; ./f y; ./g; chmod -x a; ./a; echo $?
cd / && out/b up; PATH=/out:$PATH b found; mkdir -p /out/x && /out/x; echo $?
