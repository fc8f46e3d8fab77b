# The machine with its compiler at run time, ports, files, and processes.
cd /tmp; cat > a.erl <<'R'
-module(a).
-export([main/0, fib/1]).
fib(N) when N < 2 -> N; fib(N) -> fib(N-1) + fib(N-2).
main() -> io:format("~p ~p~n", [fib(24), erlang:system_info(emu_flavor)]), {ok, B} = file:read_file("/etc/image-only"), io:format("~s", [B]),
  io:format("~s", [os:cmd("echo shell; pwd")]), ok = file:write_file("/out/x", "y"), {ok, L} = file:list_dir("/out"), io:format("~p~n", [L]),
  S = self(), [spawn(fun() -> S ! fib(15) end) || _ <- lists:seq(1, 100)], io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 100)])]),
  {ok, T} = gen_tcp:listen(0, [{ip, {127,0,0,1}}]), {ok, P} = inet:port(T), spawn(fun() -> {ok, C} = gen_tcp:connect("localhost", P, []), gen_tcp:send(C, "hi"), timer:sleep(200) end), {ok, C} = gen_tcp:accept(T), receive {tcp, C, D} -> io:format("~s~n", [D]) end, halt(3).
R
erlc a.erl && erl -noshell -s a main; echo $?; erl -noshell -eval 'io:format("~s~n", [code:lib_dir(kernel)]), halt().'
