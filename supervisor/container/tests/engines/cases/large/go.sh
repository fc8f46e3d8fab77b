# A compiler that is static itself, its static programs, and their tests.
export GOCACHE=/tmp/gc GOPATH=/tmp/gp GOFLAGS=-mod=mod CGO_ENABLED=0 HOME=/tmp GOTOOLCHAIN=local; mkdir -p /tmp/m; cd /tmp/m; printf 'module m\ngo 1.19\n' > go.mod; cat > main.go <<'R'
package main
import ("fmt"; "os"; "os/exec"; "os/signal"; "path/filepath"; "syscall"; "net"; "sync"; "io/fs"; "time")
func main() {
 b, e := os.ReadFile("/etc/image-only"); fmt.Print(string(b), e, "\n"); d, _ := os.Getwd(); x, _ := os.Executable(); fmt.Println(d, x, os.Getuid()); o, e := exec.Command("/bin/sh", "-c", "echo child; exit 3").CombinedOutput(); fmt.Println(string(o), e)
 n := 0; filepath.WalkDir("/usr/lib/python3.11", func(string, fs.DirEntry, error) error { n++; return nil }); fmt.Println(n > 500); var w sync.WaitGroup; for i := 0; i < 200; i++ { w.Add(1); go func() { defer w.Done(); os.Stat("/etc/passwd"); os.Lstat("/nothing") }() }; w.Wait()
 l, e := net.Listen("unix", "/out/s"); fmt.Println(l.Addr(), e); go func() { c, _ := net.Dial("unix", "/out/s"); c.Write([]byte("hi")); c.Close() }(); c, _ := l.Accept(); r := make([]byte, 9); k, _ := c.Read(r); fmt.Println(string(r[:k])); l.Close()
 s := make(chan os.Signal, 1); signal.Notify(s, syscall.SIGUSR1); syscall.Kill(os.Getpid(), syscall.SIGUSR1); select { case <-s: fmt.Println("signal"); case <-time.After(time.Second): fmt.Println("none") }; os.Symlink("/etc/image-only", "/out/l"); t, _ := os.Readlink("/out/l"); u, _ := filepath.EvalSymlinks("/out/l"); fmt.Println(t, u); os.Remove("/out/l"); p, e := os.CreateTemp("", "x"); fmt.Println(filepath.Dir(p.Name()), e); _, e = os.Open("/none"); fmt.Println(e); os.Exit(5) }
R
printf 'package main\nimport "testing"\nfunc TestX(t *testing.T) {}\n' > main_test.go; go build -o /out/p . && /out/p; echo $?; go vet .; go test . 2>&1 | cut -f1; go env GOROOT; file /out/p | grep -o 'statically linked'; rm /out/p
