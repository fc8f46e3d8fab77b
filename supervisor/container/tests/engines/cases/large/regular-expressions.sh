# Compiled expressions, which some systems do not let be executed.
seq 1 3000 | grep -P '(?<=1)2(3|4)$' | md5sum; git -c grep.patternType=perl grep --no-index -c 'r(o+)t' /etc/passwd; printf 'abc\n' | grep -oP 'b(?=c)'; php -v 2>/dev/null | head -1; echo $?
