// SPDX-License-Identifier: BSD-2-Clause
//
// net_node.js CASE ADDRESS: both ends of what node's library does with a network, on the loopback
// address.  It prints what arrived, the same in each run; what is wrong is an exception.
// Nothing here knows of rump kernels.
'use strict';
const assert = require('assert');
const { createHash } = require('crypto');
const { once } = require('events');
const cluster = require('cluster');
const dgram = require('dgram');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');
const path = require('path');
const tls = require('tls');
const { execFileSync, fork } = require('child_process');

const [name, address = '127.0.0.1'] = process.argv.slice(2);
const host = address.includes(':') ? `[${address}]` : address;
const data = Buffer.alloc(1 << 20, Buffer.from([...Array(251).keys()]));
const digest = (b) => `${b.length} ${createHash('sha256').update(b).digest('hex').slice(0, 16)}`;
const say = (...words) => fs.writeSync(1, words.join(' ') + '\n');

async function listen(server) {
	server.listen(0, address);
	await once(server, 'listening');
	return server.address().port;
}

async function readAll(stream) {
	const parts = [];
	for await (const part of stream)
		parts.push(part);
	return Buffer.concat(parts);
}

function ask(options, body) {
	return new Promise((resolve, reject) => {
		const request = http.request({ host: address, ...options }, async (answer) => {
			resolve([answer.statusCode, await readAll(answer)]);
		});
		request.on('error', reject);
		request.end(body);
	});
}

function certificate() {
	const folder = fs.mkdtempSync(path.join(process.env.D, 'tls-'));
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
		'-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
		'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1', '-keyout', `${folder}/key`,
		'-out', `${folder}/certificate`], { stdio: 'ignore' });
	const result = { key: fs.readFileSync(`${folder}/key`), cert: fs.readFileSync(`${folder}/certificate`) };
	fs.rmSync(folder, { recursive: true });
	return result;
}

const cases = {
	async net() {
		const server = net.createServer({ allowHalfOpen: true }, (peer) => peer.pipe(peer));
		const port = await listen(server);
		const sizes = await Promise.all([...Array(50).keys()].map(async (n) => {
			const client = net.connect({ port, host: address, allowHalfOpen: true });
			client.end(data.subarray(n));
			const got = await readAll(client);
			assert(got.equals(data.subarray(n)));
			return got.length;
		}));
		say('50 streams', sizes.reduce((a, b) => a + b));
		server.close();
		await once(server, 'close');
		const [error] = await once(net.connect(port, address), 'error');
		say('nobody there', error.code);
		const idle = net.createServer(() => {});
		const client = net.connect(await listen(idle), address);
		client.setTimeout(50);
		await once(client, 'timeout');
		say('timeout');
		client.destroy();
		idle.close();
	},

	async http() {
		const server = http.createServer(async (request, answer) => {
			const body = await readAll(request);
			if (request.url === '/big')
				return answer.end(data);
			answer.writeHead(request.method === 'POST' ? 201 : 200, { 'x-length': body.length });
			answer.end(`${request.method} ${request.url} ${digest(body)}`);
		});
		const port = await listen(server);
		const agent = new http.Agent({ keepAlive: true, maxSockets: 3 });
		for (const [method, body] of [['GET', ''], ['POST', 'x'], ['POST', data], ['DELETE', '']])
			say(...await ask({ port, method, path: '/p', agent }, body));
		const all = await Promise.all(Array(60).fill().map(() => ask({ port, path: '/big', agent })));
		assert(all.every(([status, body]) => status === 200 && body.equals(data)));
		say('60 requests on 3 connections');
		agent.destroy();
		const answer = await fetch(`http://${host}:${port}/fetched`, { method: 'POST', body: 'by fetch' });
		say(answer.status, answer.headers.get('x-length'), await answer.text());
		const bodies = await Promise.all(Array(20).fill().map(
			async () => Buffer.from(await (await fetch(`http://${host}:${port}/big`)).arrayBuffer())));
		assert(bodies.every((body) => body.equals(data)));
		say('fetch', bodies.length);
		server.close();
		server.closeAllConnections();
	},

	async http2() {
		const { key, cert } = certificate();
		for (const secure of [false, true]) {
			const server = secure ? http2.createSecureServer({ key, cert }) : http2.createServer();
			server.on('stream', async (stream, headers) => {
				const body = await readAll(stream);
				stream.respond({ ':status': 200, 'x-path': headers[':path'] });
				stream.end(body);
			});
			const session = http2.connect(`${secure ? 'https' : 'http'}://${host}:${await listen(server)}`,
				{ ca: cert });
			const lengths = await Promise.all([...Array(30).keys()].map(async (n) => {
				const stream = session.request({ ':method': 'POST', ':path': `/${n}` });
				stream.end(data.subarray(0, n * 10000));
				const [headers] = await once(stream, 'response');
				const body = await readAll(stream);
				assert(body.equals(data.subarray(0, n * 10000)));
				return `${headers['x-path']}:${body.length}`;
			}));
			say(secure ? 'h2' : 'h2c', ...lengths);
			session.close();
			await once(session, 'close');
			server.close();
		}
	},

	async tls() {
		const { key, cert } = certificate();
		const server = tls.createServer({ key, cert }, (peer) => peer.pipe(peer));
		const port = await listen(server);
		for (const version of ['TLSv1.2', 'TLSv1.3']) {
			const client = tls.connect({ host: address, port, ca: cert, maxVersion: version });
			await once(client, 'secureConnect');
			say(client.getProtocol(), client.authorized);
			client.end(data);
			assert((await readAll(client)).equals(data));
		}
		const client = tls.connect({ host: address, port });
		const [error] = await once(client, 'error');
		say(error.code);
		server.close();
	},

	async dgram() {
		const type = address.includes(':') ? 'udp6' : 'udp4';
		const server = dgram.createSocket(type, (message, sender) =>
			server.send(Buffer.from(message).reverse(), sender.port, sender.address));
		server.bind(0, address);
		await once(server, 'listening');
		const client = dgram.createSocket({ type, recvBufferSize: 200000 });
		for (const size of [0, 1, 1400, 65507]) {
			client.send(data.subarray(0, size), server.address().port, address);
			const [message, sender] = await once(client, 'message');
			assert(message.equals(Buffer.from(data.subarray(0, size)).reverse()));
			say('datagram', message.length, sender.address, sender.family);
		}
		client.setTTL(5);
		client.connect(server.address().port, address);
		await once(client, 'connect');
		client.send('connected');
		say((await once(client, 'message'))[0]);
		client.close();
		server.close();
	},

	// four processes accept on one port, which the first one has opened
	async cluster() {
		if (cluster.isWorker) {
			http.createServer((request, answer) => {
				answer.setHeader('connection', 'close');
				answer.end(`${cluster.worker.id} ${request.url}`);
			}).listen(Number(process.env.PORT), address);
			return;
		}
		for (const policy of [cluster.SCHED_RR, cluster.SCHED_NONE]) {
			cluster.schedulingPolicy = policy;
			const free = net.createServer();
			const port = await listen(free);
			free.close();
			await once(free, 'close');
			const workers = [1, 2, 3, 4].map(() => cluster.fork({ PORT: port }));
			await Promise.all(workers.map((worker) => once(worker, 'listening')));
			const answers = await Promise.all([...Array(100).keys()].map((n) => ask({ port, path: `/${n}` })));
			assert(answers.every(([status, body], n) => status === 200 && String(body).endsWith(` /${n}`)));
			const busy = new Set(answers.map(([, body]) => String(body).split(' ')[0])).size;
			say(policy === cluster.SCHED_RR ? `handed out to ${busy}` : 'shared', answers.length);
			await Promise.all(workers.map((worker) => {
				worker.kill();
				return once(worker, 'exit');
			}));
		}
	},

	// a connection as a message to a child
	async handle() {
		if (process.send) {
			process.on('message', (message, peer) => peer.end(message + ' of a child'));
			return;
		}
		const child = fork(__filename, ['handle', address]);
		const server = net.createServer({ pauseOnConnect: true }, (peer) => child.send('answer', peer));
		const port = await listen(server);
		for (let n = 0; n < 5; n++)
			say(String(await readAll(net.connect(port, address))));
		server.close();
		child.disconnect();
		say('child', (await once(child, 'exit'))[0]);
	},
};

cases[name]();
