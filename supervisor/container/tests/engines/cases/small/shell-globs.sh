# Names: globs, case, spaces, newlines, bytes that are no text.
cd /out && touch 'a b' $'new\nline' $'bytes\xff' .hidden -- -dash && shopt -s nullglob dotglob
for f in * /etc/pass* /usr/bin/tr?e; do printf '%q\n' "$f"; done
[[ /etc/passwd -ef /usr/../etc/passwd ]] && echo same; rm ./-dash
