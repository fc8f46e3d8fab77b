# A sort that writes temporary files and uses threads and a helper program.
seq 1 200000 | awk '{print ($1 * 7919) % 200003}' > /tmp/n; sort -n -S 1M --parallel=2 -T /out /tmp/n | md5sum; sort -S 500K --compress-program=gzip /tmp/n | md5sum; sort -u -n -S 1M -o /tmp/n /tmp/n; wc -l < /tmp/n; sort -c -n /tmp/n; echo $?; sort -m <(seq 1 3) <(seq 2 4)
