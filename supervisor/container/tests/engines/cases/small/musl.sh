# A program with another C library, dynamic and static.
ls /lib/ld-musl* > /dev/null && for kind in glibc static musl musl-static; do echo $kind; calls-$kind /out; done
