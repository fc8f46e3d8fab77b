# Compression, there and back.
seq 1 50000 > /tmp/n; gzip -k /tmp/n; xz -k /tmp/n 2>/dev/null || echo no xz; gunzip -c /tmp/n.gz | cmp - /tmp/n; echo $?; perl -MCompress::Zlib -e 'print length(memGunzip(join "", `cat /tmp/n.gz`)), "\n"'; python3 -c 'import bz2,lzma,zlib; d=open("/tmp/n","rb").read(); print(len(d), all(m.decompress(m.compress(d))==d for m in (bz2,lzma,zlib)))'
