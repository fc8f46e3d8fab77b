# Temporary files, subprocesses, pools, sockets, locks, memory maps, shared memory.
cat > /tmp/t.py <<'P'
import concurrent.futures, fcntl, mmap, multiprocessing as mp, os, pathlib, shutil, socket, subprocess, sys, tempfile, threading
from multiprocessing import shared_memory
def square(x): return x * x
if __name__ == "__main__":
    print(sys.executable, sys.prefix, os.getcwd(), os.path.realpath("/bin/sh"))
    with tempfile.TemporaryDirectory(dir="/out") as d:
        p = pathlib.Path(d, "a"); p.write_text("x"); shutil.copytree("/usr/lib/python3.11/json", d + "/j"); print(len(list(pathlib.Path(d).rglob("*.py"))))
        with open(d + "/m", "w+b") as f: f.truncate(8192); m = mmap.mmap(f.fileno(), 0); m[:3] = b"abc"; m.flush(); print(f.read(3)); fcntl.flock(f, fcntl.LOCK_EX)
    print(subprocess.run(["/bin/sh", "-c", "echo $0; exit 3"], capture_output=True), subprocess.check_output(["ls", "-d", "etc"], cwd="/", close_fds=True))
    for method in ("fork", "spawn", "forkserver"):
        with mp.get_context(method).Pool(3) as pool: print(method, sum(pool.map(square, range(100))))
    with concurrent.futures.ProcessPoolExecutor(2) as e: print(list(e.map(square, range(5))))
    s = shared_memory.SharedMemory(create=True, size=64); s.buf[0] = 7; print(shared_memory.SharedMemory(s.name).buf[0]); s.close(); s.unlink()
    a = socket.socket(socket.AF_UNIX); a.bind("/out/s"); a.listen(); print(a.getsockname()); b = socket.socket(socket.AF_UNIX); b.connect("/out/s"); c, who = a.accept(); b.send(b"hi"); print(c.recv(9), b.getpeername(), repr(who)); os.unlink("/out/s")
    t = [threading.Thread(target=lambda: os.stat("/etc/passwd")) for _ in range(50)]; [x.start() for x in t]; [x.join() for x in t]; print(threading.active_count())
    q = mp.Queue(); p = mp.Process(target=q.put, args=("queued",)); p.start(); print(q.get()); p.join(); print(p.exitcode)
    fd = os.open("/etc", os.O_RDONLY); print(os.stat("passwd", dir_fd=fd).st_size > 0, os.readlink(f"/proc/self/fd/{fd}"), sorted(os.listdir(fd))[:2]); os.fchdir(fd); print(os.getcwd())
    try: open("/no/such/file")
    except OSError as e: print(e)
P
cd /out && python3 /tmp/t.py
