# Pipes, process substitution, here documents, coprocesses, and waiting.
seq 1 2000 | grep -c 7 | cat; cat <(echo sub) <(echo two); wc -l <<END
a
b
END
coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; exec {COPROC[1]}>&-; wait "$COPROC_PID"
for i in 1 2 3 4 5; do (sleep $((i > 1)).$i; exit $i) & done; wait -n; echo first $?; wait; echo all
set -o pipefail; false | true; echo $?
