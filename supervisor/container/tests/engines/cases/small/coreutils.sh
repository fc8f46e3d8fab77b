# Programs that copy, link, split, join and sort.
cd /out; cp -a /etc/skel skel; ls -A skel; seq 1 1000 > n; split -n l/4 n part-; wc -l part-* | tail -1; sort -R n --random-source=/etc/passwd | sort -n | md5sum
paste -d, <(head -3 n) <(tail -3 n); join <(seq 3) <(seq 2 4); cp --reflink=auto n m; cmp n m && echo same; ln n l; stat -c %h n; ln -s n s; cp -P s t; readlink t; cp -r --preserve=links . /tmp/copy; ls /tmp/copy | wc -l
install -d a/b/c; rmdir -p a/b/c; ls -d a; mkfifo f; (echo fifo > f) & cat f; wait; shred -u m; ls m; echo $?; du -s --apparent-size n | cut -f1; tac n | head -1; nl n | tail -1; comm -12 <(seq 1 3) <(seq 2 5)
mktemp -d > /dev/null && echo temporary; touch -r n old; [ n -ot old ]; echo $?; stat -c %F f; df /out > /dev/null && echo space; truncate -s 1M sparse; stat -c %s sparse; rm sparse; date -u -d @0 +%F; TZ=Europe/Madrid date -d @0 +%T; tee one two < n | wc -l; basename "$(pwd)"; chmod u=rw,go= n; stat -c %A n; mv -n n l; ls n l; sync n
