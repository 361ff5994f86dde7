#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# redis, memcached and PostgreSQL in a rump network.

load lib
load net_programs

setup_file() {
	load lib
	load net_programs
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" redis-server redis-cli redis-benchmark \
		memcached python3 ip openssl
	make_net_data
	make_net_keys
}

teardown() {
	end_kernels
}

# what follows checks values, not only that there was an answer
REDIS='
	start redis redis-server --port 6379 --bind 0.0.0.0 :: --protected-mode no --dir "$W" \
		--save "" --daemonize no
	redis=$STARTED
	opens 6379
'

@test "redis: commands, data, transactions, a snapshot, messages, IPv4 and IPv6" {
	# shellcheck disable=SC2016
	in_network "$REDIS"'
		for address in $ADDRESSES; do
			[ "$(redis-cli -h "$address" set "at:$address" "$address")" = OK ]
			[ "$(redis-cli -h "$address" get "at:$address")" = "$address" ]
		done
		redis-cli -x set random <"$DATA/random" >out
		python3 - <<-END
			import socket
			s = socket.create_connection(("fd01::1", 6379))
			f = s.makefile("rb")
			s.sendall(b"GET random\r\n")
			want = open("'"$DATA"'/random", "rb").read()
			assert f.readline() == b"\$%d\r\n" % len(want)
			assert f.read(len(want) + 2) == want + b"\r\n"
			s.sendall(b"INCR n\r\n" * 10000)
			assert [f.readline() for n in range(10000)] == [b":%d\r\n" % (n + 1) for n in range(10000)]
		END
		[ "$(printf "%s\n" MULTI "INCR n" "INCR n" EXEC | redis-cli | tail -1)" = 10002 ]
		# many from one mass of commands
		seq 20000 | sed "s/.*/SET key:& value:&/" | redis-cli --pipe | grep -q "errors: 0, replies: 20000"
		[ "$(redis-cli -h ::1 get key:19999)" = value:19999 ]
		[ "$(redis-cli save)" = OK ]
		start subscriber redis-cli -h 10.1.0.1 subscribe channel
		received() { [ "$(redis-cli publish channel message)" -ge 1 ]; }
		within 20 received
		within 20 grep -q ^message$ subscriber
		start blocked redis-cli -h ::1 blpop list 100
		waits() { redis-cli info clients | grep -q blocked_clients:1; }
		within 20 waits
		redis-cli rpush list element >/dev/null
		within 20 grep -q element blocked
		redis-cli shutdown nosave
		wait $redis || :
		start redis2 redis-server --port 6380 --dir "$W" --save ""
		# at first it loads, and says so
		is_loaded() { [ "$(redis-cli -p 6380 get key:777)" = value:777 ]; }
		within 20 is_loaded
		# a replica, which gets a snapshot by a child of the first one
		mkdir copy
		start replica redis-server --port 6381 --save "" --dir "$W/copy" \
			--replicaof ::1 6380 --repl-diskless-sync-delay 0
		opens 6381
		is_there() { [ "$(redis-cli -p 6381 get key:777)" = value:777 ]; }
		within 20 is_there
		redis-cli -p 6380 set later x >/dev/null
		is_later() { [ "$(redis-cli -p 6381 get later)" = x ]; }
		within 20 is_later
	'
}

@test "redis-benchmark: all of its tests, and in batches" {
	# shellcheck disable=SC2016
	in_network "$REDIS"'
		redis-benchmark -q -n 1000 -c 50 >all 2>&1
		! grep -i error all || false
		[ "$(tr "\r" "\n" <all | grep -c "requests per second")" -ge 18 ]
		redis-benchmark -q -h ::1 -n 50000 -c 50 -P 16 -t set,get,incr >batches 2>&1
		! grep -i error batches || false
		[ "$(tr "\r" "\n" <batches | grep -c "requests per second")" = 3 ]
		[ "$(redis-cli get counter:__rand_int__)" = 51000 ]
	'
}

@test "memcached: threads, many clients, TCP and UDP" {
	# shellcheck disable=SC2016
	in_network '
		start memcached memcached -u "$(id -un)" -l 0.0.0.0,:: -p 11211 -U 11211 -t 4
		opens 11211
		python3 - <<-END
			import socket, struct, threading
			def use(n):
			    address = ["127.0.0.1", "::1", "10.1.0.1", "fd01::1"][n % 4]
			    s = socket.create_connection((address, 11211))
			    f = s.makefile("rb")
			    for i in range(100):
			        value = (b"%d-%d " % (n, i)) * (i * 20 + 1)
			        s.sendall(b"set k%d.%d 0 0 %d\r\n%s\r\n" % (n, i, len(value), value))
			        assert f.readline() == b"STORED\r\n"
			        s.sendall(b"get k%d.%d\r\n" % (n, i))
			        assert f.readline() == b"VALUE k%d.%d 0 %d\r\n" % (n, i, len(value))
			        assert f.read(len(value) + 7) == value + b"\r\nEND\r\n"
			    good.append(n)
			good = []
			threads = [threading.Thread(target=use, args=(n,)) for n in range(16)]
			[t.start() for t in threads]
			[t.join() for t in threads]
			assert len(good) == 16
			s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
			s.settimeout(90)
			s.connect(("10.1.0.1", 11211))
			s.send(struct.pack(">HHHH", 7, 0, 1, 0) + b"get k3.0\r\n")
			assert s.recv(1000)[8:] == b"VALUE k3.0 0 4\r\n3-0 \r\nEND\r\n"
		END
	'
}
