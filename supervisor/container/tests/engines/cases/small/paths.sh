# `..`, the root, trailing slashes, links in every direction.
cd /usr/lib && pwd && cd .. && pwd && cd ../../../.. && pwd && ls -d ../../etc ../.. /.. /../usr
cat /../../etc/image-only ../../../etc/image-only /etc/../etc/./image-only //etc//image-only
ls /nonexistent/..; echo $?; ls /etc/passwd/; echo $?; ls /etc/passwd/..; echo $?
cd /out && mkdir -p d/e && ln -s /etc/image-only abs && ln -s ../etc/image-only rel && ln -s d/e in && ln -s /usr/share dir && ln -s loop loop
cat abs rel dir/../../etc/image-only; readlink abs rel in dir; readlink -f abs dir/perl in/..; realpath in dir . ..; cat loop; echo $?
cd dir && pwd && pwd -P && ls -d ../share; cd /out/in && cd ../.. && pwd -P; stat -c '%F %s %N' /out/abs /out/rel
