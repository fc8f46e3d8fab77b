# Files, forks, threads, sockets, and the compiler at run time where it is built in.
cat > /tmp/a.rb <<'R'
require 'json'; require 'tempfile'; require 'socket'; require 'open3'; require 'fileutils'; require 'digest'; require 'set'
puts JSON.generate(a: 1), File.realpath('/bin/sh'), $0, Dir.pwd, RbConfig.ruby, Process.clock_gettime(1) > 0
puts Dir.glob('/usr/lib/ruby/**/*.rb').size > 100; puts Digest::SHA256.file('/etc/image-only').hexdigest
pid = fork { exit 3 }; Process.wait pid; puts $?.exitstatus; o, s = Open3.capture2('cat', stdin_data: 'x'); puts o, s.success?
s = UNIXServer.new('/out/s'); t = Thread.new { c = s.accept; c.puts 'hi'; c.close }; puts UNIXSocket.new('/out/s').read, s.path, s.local_address.unix_path; t.join; File.unlink '/out/s'
Tempfile.create('x', '/out') { |f| f.write 'abc'; f.flush; puts File.size(f.path) }; FileUtils.mkdir_p '/out/a/b'; FileUtils.cp_r '/usr/lib/ruby/vendor_ruby', '/out/a'; puts Dir['/out/a/**/*'].size; FileUtils.rm_rf '/out/a'
puts (1..20).map { |i| Thread.new { File.stat('/etc/passwd').size } }.map(&:value).uniq.size; def f(n) = n < 2 ? n : f(n - 1) + f(n - 2); puts f(22); r = Ractor.new { 5 } rescue nil; puts `echo shell`; exec 'sh', '-c', 'exit 4'
R
cd /out; ruby -W0 /tmp/a.rb; echo $?; ruby -W0 --yjit /tmp/a.rb 2>&1 | tail -3; ruby -e 'puts RubyVM::YJIT.enabled? rescue puts "none"' --yjit 2>&1 | tail -1; ruby -W0 --mjit -e 'def f(n) = n < 2 ? n : f(n-1) + f(n-2); puts f(24)' 2>&1 | tail -1
