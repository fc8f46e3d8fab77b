# The machine with both its compilers at run time: files, processes, threads, maps, class archives.
mkdir -p /tmp/j; cd /tmp/j; cat > A.java <<'R'
import java.io.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class A { static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
 public static void main(String[] a) throws Exception {
  System.out.println(fib(32) + " " + Paths.get("/usr/../etc/image-only").toRealPath() + " " + new File(".").getCanonicalPath() + " " + System.getProperty("user.name"));
  System.out.print(Files.readString(Path.of("/etc/image-only"))); try (Stream<Path> s = Files.walk(Path.of("/usr/lib/python3.11"))) { System.out.println(s.count() > 500); }
  Process p = new ProcessBuilder("/bin/sh", "-c", "echo child; pwd; exit 3").directory(new File("/etc")).redirectErrorStream(true).start(); System.out.print(new String(p.getInputStream().readAllBytes())); System.out.println(p.waitFor());
  ExecutorService e = Executors.newFixedThreadPool(8); List<Future<Integer>> l = new ArrayList<>(); for (int i = 0; i < 40; i++) l.add(e.submit(() -> fib(20))); int t = 0; for (Future<Integer> f : l) t += f.get(); e.shutdown(); System.out.println(t);
  try (FileChannel c = FileChannel.open(Path.of("/out/m"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) { MappedByteBuffer b = c.map(FileChannel.MapMode.READ_WRITE, 0, 4096); b.put(0, (byte) 65); b.force(); System.out.println(c.tryLock() != null); } System.out.println(Files.size(Path.of("/out/m"))); Files.delete(Path.of("/out/m"));
  var w = FileSystems.getDefault().newWatchService(); Path.of("/out").register(w, StandardWatchEventKinds.ENTRY_CREATE); Files.createDirectories(Path.of("/out/w")); System.out.println(w.poll(5, TimeUnit.SECONDS) != null); Files.createSymbolicLink(Path.of("/out/l"), Path.of("/etc/image-only")); System.out.println(Files.readSymbolicLink(Path.of("/out/l")) + " " + Files.getOwner(Path.of("/out/l")));
  var u = java.net.UnixDomainSocketAddress.of("/out/s"); var v = ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX).bind(u); var c = SocketChannel.open(u); System.out.println(c.getRemoteAddress()); Files.delete(Path.of("/out/s")); try { Files.readString(Path.of("/none")); } catch (NoSuchFileException x) { System.out.println(x.getMessage()); } System.exit(6); } }
R
javac A.java && java A; echo $?; java -Xint -XX:+UseSerialGC A | head -1; java -Xcomp -XX:TieredStopAtLevel=1 A | head -1; java A.java | tail -1; jar cf a.jar A.class && java -cp a.jar A | head -1; jshell --version | head -c 6; java -Xshare:auto -XX:+UseParallelGC -version 2>&1 | head -c 7; echo
