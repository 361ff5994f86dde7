#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# python, node and sqlite with files, processes, threads and sockets of the rump kernel: as on
# the host.

load lib
load differential

setup_file() {
	require python3 node sqlite3 || return
	begin_differential
}

# their sockets, too, are the rump kernel's
DIFFERENTIAL_WORDS='socket=inet:inet6'

@test "python: multiprocessing, executors, shared memory, managers" {
	prepare='cat >work.py' differ python3 <<-'END'
		import concurrent.futures, multiprocessing, os
		from multiprocessing import shared_memory
		D = os.environ["D"]
		def work(n):
		    path = f"{D}/w{n}"
		    with open(path, "w") as file:
		        file.write(str(n) * 100)
		    return os.path.getsize(path)
		def put(queue, n):
		    queue.put((n, work(n)))
		def share(name):
		    memory = shared_memory.SharedMemory(name=name)
		    memory.buf[0] = 42
		    memory.close()
		def count(lock, counter, path):
		    for _ in range(50):
		        with lock:
		            counter.value += 1
		            with open(path, "a") as file:
		                file.write(f"{counter.value}\n")
		if __name__ == "__main__":
		    for method in "fork", "spawn", "forkserver":
		        context = multiprocessing.get_context(method)
		        with context.Pool(3) as pool:
		            print(method, pool.map(work, range(10)), pool.apply_async(work, (77,)).get())
		        queue = context.Queue()
		        processes = [context.Process(target=put, args=(queue, n)) for n in range(4)]
		        for p in processes: p.start()
		        print(sorted(queue.get() for _ in processes))
		        for p in processes: p.join()
		        print([p.exitcode for p in processes])
		        memory = shared_memory.SharedMemory(create=True, size=100)
		        p = context.Process(target=share, args=(memory.name,)); p.start(); p.join()
		        print(memory.buf[0]); memory.close(); memory.unlink()
		        lock, counter = context.Lock(), context.Value("i", 0)
		        processes = [context.Process(target=count, args=(lock, counter, f"{D}/{method}")) for _ in range(3)]
		        for p in processes: p.start()
		        for p in processes: p.join()
		        print(counter.value, open(f"{D}/{method}").read().split() == [str(n + 1) for n in range(150)])
		        with context.Manager() as manager:
		            shared = manager.dict(); shared["x"] = work(3); print(dict(shared))
		    with concurrent.futures.ProcessPoolExecutor(3) as executor:
		        print(list(executor.map(work, range(8))))
		    with concurrent.futures.ThreadPoolExecutor(8) as executor:
		        print(list(executor.map(work, range(40))))
	END
}

@test "python: asyncio with processes, servers, signals, a socket below /rump" {
	differ python3 <<-'END'
		import asyncio, os, signal, socket
		D = os.environ["D"]
		def work():
		    with open(f"{D}/w", "w") as file:
		        file.write("x" * 100)
		    return os.path.getsize(f"{D}/w")
		async def echo(reader, writer):
		    while line := await reader.readline():
		        writer.write(line.upper())
		        await writer.drain()
		    writer.close()
		async def ask(n, connect):
		    reader, writer = await connect()
		    writer.write(f"hello {n}\n".encode())
		    answer = await reader.readline()
		    writer.close()
		    return answer
		async def main():
		    print(await asyncio.to_thread(work))
		    process = await asyncio.create_subprocess_exec("sh", "-c", f"echo out; wc -c <{D}/w; cat; exit 3", stdin=-1, stdout=-1)
		    print(await process.communicate(b"in\n"), process.returncode)
		    server = await asyncio.start_server(echo, "127.0.0.1", 0)
		    port = server.sockets[0].getsockname()[1]
		    print(await asyncio.gather(*[ask(n, lambda: asyncio.open_connection("127.0.0.1", port)) for n in range(20)]))
		    server.close()
		    server = await asyncio.start_unix_server(echo, f"{D}/socket")
		    print(await asyncio.gather(*[ask(n, lambda: asyncio.open_unix_connection(f"{D}/socket")) for n in range(20)]))
		    server.close()
		    got = asyncio.Event()
		    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
		    process = await asyncio.create_subprocess_shell(f"kill -USR1 {os.getpid()}; exec sleep 30")
		    await asyncio.wait_for(got.wait(), 60)
		    process.kill()
		    print(await process.wait())
		    process = await asyncio.create_subprocess_exec("cat", stdin=open(f"{D}/w"), stdout=open(f"{D}/copy", "w"))
		    print(await process.wait(), os.path.getsize(f"{D}/copy"))
		    try:
		        await asyncio.wait_for(asyncio.sleep(30), 0.1)
		    except asyncio.TimeoutError:
		        print("timeout")
		asyncio.run(main())
		if os.path.exists(f"{D}/socket"):
		    os.unlink(f"{D}/socket")
	END
}

@test "python: venv, zipapp, sqlite3, locks, fifos, maps" {
	differ python3 <<-'END'
		import fcntl, glob, mmap, os, select, shutil, sqlite3, subprocess, sys, tempfile, venv, zipapp
		def run(*command):
		    done = subprocess.run(command, capture_output=True, text=True)
		    print(done.returncode, done.stdout, done.stderr)
		for links in True, False:
		    venv.create(f"env{links}", with_pip=False, symlinks=links)
		    print(sorted(os.listdir(f"env{links}/bin")))
		    run(f"env{links}/bin/python", "-c", "import sys; print(sys.prefix, sys.executable)")
		    run("sh", "-c", f". env{links}/bin/activate; python -c 'import sys; print(sys.prefix)'")
		    shutil.rmtree(f"env{links}")
		os.mkdir("app")
		open("app/__main__.py", "w").write("import sys\nprint('app', sys.argv[1:])\n")
		zipapp.create_archive("app", "app.pyz", interpreter="/usr/bin/env python3")
		run("./app.pyz", "x")
		os.unlink("app.pyz")
		os.mkdir("package")
		open("package/__init__.py", "w").write("import os\nhere = os.path.dirname(__file__)\n")
		run(sys.executable, "-B", "-c", "import package; print(package.here)")
		base = sqlite3.connect("base")
		base.execute("create table t (a)")
		base.executemany("insert into t values (?)", [(n,) for n in range(100)])
		base.commit()
		print(base.execute("select sum(a) from t").fetchone())
		base.close()
		os.unlink("base")
		lock = open("lock", "w")
		fcntl.lockf(lock, fcntl.LOCK_EX)
		try_it = "import fcntl\ntry:\n fcntl.lockf(open('lock', 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n print('got it')\nexcept OSError as e: print(e)"
		run(sys.executable, "-c", try_it)
		fcntl.lockf(lock, fcntl.LOCK_UN)
		run(sys.executable, "-c", try_it)
		os.mkfifo("fifo")
		r, w = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK), os.open("fifo", os.O_WRONLY)
		print(select.select([r], [w], [], 0) == ([], [w], []))
		os.write(w, b"x")
		print(select.select([r], [w], [], 1) == ([r], [w], []))
		poll = select.epoll()
		poll.register(r, select.EPOLLIN)
		print(poll.poll(1) == [(r, select.EPOLLIN)])
		open("map", "wb").write(b"x" * 10000)
		with open("map", "rb") as file:
		    memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
		    print(len(memory), memory[:3], memory.find(b"y"))
		    memory.close()
		for make in tempfile.TemporaryFile, tempfile.NamedTemporaryFile, tempfile.SpooledTemporaryFile:
		    with make(dir=".") as file:
		        file.write(b"text")
		        file.flush()
		        file.seek(0)
		        print(file.read())
		with tempfile.TemporaryDirectory(dir=".") as folder:
		    open(f"{folder}/a", "w").close()
		    print(len(glob.glob(f"{folder}/*")))
		shutil.make_archive("archive", "tar", "package")
		shutil.unpack_archive("archive.tar", "unpacked")
		os.unlink("archive.tar")
		print([entry.name for entry in os.scandir("unpacked")], shutil.disk_usage(".").total > 0)
	END
}

@test "node: files, streams, processes, workers, http, cluster" {
	# it reads its script twice: what is a child's is told by its arguments
	differ node <<-'END'
		const fs = require('fs'), child = require('child_process'), http = require('http'), zlib = require('zlib');
		const cluster = require('cluster'), { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
		const { pipeline } = require('stream/promises');
		const D = process.env.D;
		const once = (emitter, event) => new Promise(resolve => emitter.once(event, resolve));
		const get = options => new Promise((resolve, reject) => http.get({ agent: false, ...options }, answer => {
			let text = ''; answer.on('data', part => text += part); answer.on('end', () => resolve(text));
		}).on('error', reject));
		async function main() {
			fs.mkdirSync('a/b/c', { recursive: true });
			fs.writeFileSync('a/f', 'hello'); fs.appendFileSync('a/f', ' world'); console.log(fs.readFileSync('a/f', 'utf8'));
			fs.symlinkSync('f', 'a/l'); console.log(fs.readlinkSync('a/l'), fs.realpathSync('a/l'));
			await fs.promises.writeFile('a/g', 'x'.repeat(300000)); await fs.promises.copyFile('a/g', 'a/h');
			console.log((await fs.promises.stat('a/h')).size); await fs.promises.rename('a/h', 'a/i');
			console.log((await fs.promises.readdir('a')).sort());
			fs.cpSync('a', 'z', { recursive: true, verbatimSymlinks: true }); console.log(fs.readdirSync('z').sort());
			await pipeline(fs.createReadStream('a/g'), zlib.createGzip(), fs.createWriteStream('a/g.gz'));
			await pipeline(fs.createReadStream('a/g.gz'), zlib.createGunzip(), fs.createWriteStream('a/g2'));
			console.log(fs.readFileSync('a/g2').length);
			try { fs.openSync('none'); } catch (error) { console.log(error.code); }
			console.log(child.execSync('cat f; pwd', { cwd: 'a' }).toString());
			console.log(child.spawnSync('sh', ['-c', 'cat; cat l; exit 3'], { cwd: 'a', input: 'in ' }).stdout.toString());
			const sort = child.spawn('sort', [], { stdio: [fs.openSync('a/f'), fs.openSync('a/out', 'w'), 'inherit'] });
			console.log(await once(sort, 'exit'), fs.readFileSync('a/out', 'utf8'));
			const kid = child.fork(__filename, ['kid']); kid.on('message', message => console.log(JSON.stringify(message)));
			kid.send('text'); console.log(await once(kid, 'exit'), fs.readFileSync('kid', 'utf8'));
			console.log(await Promise.all([1, 2, 3, 4].map(n => once(new Worker(__filename, { workerData: n }), 'message'))));
			const server = http.createServer((question, answer) => fs.createReadStream('a/g').pipe(answer));
			server.listen(0, '127.0.0.1'); await once(server, 'listening');
			console.log((await get({ host: '127.0.0.1', port: server.address().port })).length); server.close();
			server.listen(D + '/socket'); await once(server, 'listening');
			console.log((await get({ socketPath: D + '/socket' })).length); server.close();
			cluster.fork(); cluster.fork(); await once(cluster, 'listening'); await once(cluster, 'listening');
			for (let i = 0; i < 4; i++) console.log(await get({ host: '127.0.0.1', port: 18080 }));
			await new Promise(resolve => cluster.disconnect(resolve));
			const watcher = fs.watch('a'); const seen = once(watcher, 'change'); fs.writeFileSync('a/new', ''); console.log(await seen); watcher.close();
			fs.rmSync('a', { recursive: true }); console.log(fs.existsSync('a'), fs.mkdtempSync('t-').length);
			fs.rmdirSync(fs.readdirSync('.').find(name => name.startsWith('t-')));
		}
		if (process.argv[2] === 'kid')
			process.on('message', message => { fs.writeFileSync('kid', message); process.send({ got: message, in: process.cwd() }, () => process.exit(4)); });
		else if (cluster.isWorker)
			http.createServer((question, answer) => answer.end('worker')).listen(18080, '127.0.0.1');
		else if (!isMainThread) {
			fs.writeFileSync(D + '/t' + workerData, 'x'.repeat(workerData)); parentPort.postMessage(fs.statSync(D + '/t' + workerData).size);
		} else
			main();
	END
}

@test "sqlite3: journals, several processes on one database" {
	differ <<-'END'
		for mode in delete truncate persist memory; do
			sqlite3 $mode "pragma journal_mode=$mode; create table t (n integer primary key, s text);
				insert into t select value, hex(value) from generate_series(1, 2000); select count(*), sum(n) from t;"
			for i in 1 2 3 4; do
				for j in 1 2 3 4 5; do echo "begin immediate; insert into t (s) values ('$i$j'); commit;"; done |
					sqlite3 -cmd ".timeout 20000" -cmd "pragma journal_mode=$mode" $mode >/dev/null &
			done; wait
			sqlite3 $mode "select count(*) from t; pragma integrity_check; vacuum; select count(*) from t"
			sqlite3 $mode "begin; delete from t; select count(*) from t; rollback; select count(*) from t;"
			sqlite3 $mode .dump | sqlite3 copy; sqlite3 copy "select count(*) from t"; rm copy
			(sqlite3 $mode "begin immediate; insert into t (s) values ('lost');" ".shell kill -9 \$PPID"); sqlite3 $mode "pragma integrity_check; select count(*) from t"
		done 2>&1
		ls; rm -f *
	END
}
