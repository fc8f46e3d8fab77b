# Archives with links of both kinds, rights and times; with gzip and the other way round.
tar -C /usr/lib/python3.11 --sort=name -cf /tmp/a.tar email json; tar -tvf /tmp/a.tar | md5sum; mkdir /out/t && tar -C /out/t -xf /tmp/a.tar; find /out/t -type f -printf '%P %s %m %T@\n' | sort | md5sum
cd /out; mkdir l; echo x > l/a; ln l/a l/b; ln -s a l/c; ln -s /etc/passwd l/d; chmod 4755 l/a; tar cf l.tar l; tar tvf l.tar | awk '{print $1, $6, $7, $8, $9}'; mkdir m; tar -C m -xpf l.tar; ls -l m/l | awk '{print $1, $2, $9, $10, $11}'; rm l.tar
tar czf - -C /etc passwd group | gunzip | tar tf -; tar cf - -P /etc/passwd | tar tPf -; tar cf /dev/null /usr/lib/python3.11 2>&1; tar xf /tmp/a.tar -C /nonexistent; echo $?; tar df /tmp/a.tar -C /usr/lib/python3.11; echo $?
