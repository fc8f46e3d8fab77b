# Code that is written when the program runs, with its own system calls.
for kind in glibc static musl musl-static; do echo $kind; code-$kind; done
