# The engine with its compilers, workers, processes, files, watchers, sockets, clusters and WebAssembly.
cat > /tmp/a.js <<'R'
const fs = require('fs'), cp = require('child_process'), path = require('path'), os = require('os'), net = require('net'), { Worker, isMainThread, parentPort } = require('worker_threads'), crypto = require('crypto'), zlib = require('zlib');
if (!isMainThread) { parentPort.postMessage(fs.readFileSync('/etc/image-only', 'utf8').length); return; }
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log(fib(30), process.cwd(), fs.realpathSync('/bin/sh'), __filename, process.execPath, process.argv.slice(2), os.userInfo().username);
console.log(cp.execSync('echo shell; pwd', { cwd: '/etc' }).toString(), cp.spawnSync('sh', ['-c', 'exit 3']).status, fs.readdirSync('/usr/share').length > 10);
fs.writeFileSync('/out/x', 'abc'); fs.copyFileSync('/out/x', '/out/y'); fs.symlinkSync('/etc/image-only', '/out/l'); console.log(fs.readlinkSync('/out/l'), fs.statSync('/out/y').size, fs.lstatSync('/out/l').size); fs.cpSync('/usr/share/perl5', '/out/p', { recursive: true }); console.log(fs.readdirSync('/out/p').length); fs.rmSync('/out/p', { recursive: true });
console.log(zlib.gunzipSync(zlib.gzipSync('x')).toString(), crypto.createHash('sha256').update('x').digest('hex').slice(0, 8)); const m = new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,65,42,11])); console.log(new WebAssembly.Instance(m).exports.f());
const s = net.createServer(c => c.end('hi')).listen('/out/s', () => { console.log(s.address()); net.connect('/out/s').on('data', d => { console.log(d.toString()); s.close(); }); });
let w = 0; for (let i = 0; i < 4; i++) new Worker(__filename).on('message', n => { w += n; }).on('exit', () => { if (++i > 7) return; });
const f = fs.watch('/out', () => { f.close(); console.log('watched'); }); setTimeout(() => fs.writeFileSync('/out/z', ''), 300); const c = cp.fork('-e', [], { execArgv: ['-e', 'process.send(process.argv0)'] }); c.on('message', x => console.log('child', x)); c.on('error', () => {});
process.on('exit', () => { console.log('workers', w); for (const n of ['x', 'y', 'z', 'l']) fs.unlinkSync('/out/' + n); process.exitCode = 7; });
R
cd /out; node /tmp/a.js one | sort; echo "${PIPESTATUS[0]}"; node --jitless -p 6*7; node --max-lazy --always-turbofan -p '[1,2,3].map(x => x * x).join()' 2>/dev/null || node --always-opt -p '[1,2,3].map(x => x * x).join()'; node -e 'import("fs").then(m => console.log(m.existsSync("/etc/image-only")))'
