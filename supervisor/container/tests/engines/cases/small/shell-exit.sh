# Exit codes go through every way of ending.
sh -c 'exit 3'; echo $?; bash -c 'kill -9 $$'; echo $?; (exit 7) || echo $?
timeout 0.2 sleep 5; echo $?; sh -c 'trap "exit 9" TERM; kill $$; sleep 1'; echo $?
false; exit 65
