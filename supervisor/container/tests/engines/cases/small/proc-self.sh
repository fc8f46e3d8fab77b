# What a process learns of itself.
readlink /proc/self/exe; cd /etc; readlink /proc/self/cwd; cat /proc/self/root/etc/image-only
exec 5</etc/image-only; readlink /proc/self/fd/5; cat <&5; cat /proc/self/fd/5 /dev/fd/5 | head -1
cat /proc/self/comm; sh -c 'cat /proc/$$/comm'; tr '\0' ' ' < /proc/self/cmdline; echo; python3 -c 'import sys; print(open("/proc/self/cmdline").read().split("\0"))' one two
printf 'read x < /proc/$$/comm; echo $x; tr "\\0" " " < /proc/$$/cmdline; echo' > /out/s; sh /out/s arg; ls -l /proc/self/fd/5 | sed 's/.*-> //'
grep -c . /proc/self/maps > /dev/null && echo maps; nproc > /dev/null && echo processors; umask; ulimit -n > /dev/null && echo limits
