#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# PostgreSQL over TCP in a rump network: as another user than root, with TLS, many clients.

load lib
load net_programs
load open_libraries

setup_file() {
	load lib
	load net_programs
	load open_libraries
	local program
	program=$(find /usr/lib/postgresql/*/bin/initdb | tail -n 1)
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" "${program:-initdb}" setpriv openssl ip
	export AS=
	if is_root; then
		id postgres >/dev/null || skip_or_fail "user postgres"
		# postgres does not run as root
		AS='setpriv --reuid=postgres --regid=postgres --init-groups'
	fi
	export PATH=${program%/*}:$PATH
	make_net_data
	make_net_keys
	use_open_libraries
	chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"/*
	chmod -R a+rX "$KEYS"
	# made on the host: what a cluster does with files is tests/servers.bats' affair
	export CLUSTER=$BATS_FILE_TMPDIR/cluster
	mkdir "$CLUSTER"
	! is_root || chown postgres "$CLUSTER"
	(cd / && $AS initdb -D "$CLUSTER" -A trust -U tests --no-sync) >"$BATS_FILE_TMPDIR/initdb"
	cat >>"$CLUSTER/postgresql.conf" <<-'END'
		listen_addresses = '*'
		unix_socket_directories = ''
		ssl = on
		fsync = off
		max_connections = 60
		max_parallel_workers_per_gather = 2
	END
	printf 'hostssl all tests all trust\nhost all tests all trust\n' >"$CLUSTER/pg_hba.conf"
	cp "$KEYS/cert.pem" "$CLUSTER/server.crt"
	cp "$KEYS/key.pem" "$CLUSTER/server.key"
	chmod 600 "$CLUSTER/server.key"
	! is_root || chown postgres "$CLUSTER"/server.*
}

setup() {
	load open_libraries
	use_open_libraries
	chmod a+x "$T" "${T%/*}"
	# a server that the user postgres gets at, too
	prepare_folder=others_may_enter
	! is_root || SERVER_OPTIONS=(--group postgres)
	# shellcheck disable=SC2016
	POSTGRES='
		export PGUSER=tests PGDATABASE=postgres PGHOST=127.0.0.1 PGCONNECT_TIMEOUT=100
		cp -a "$CLUSTER" pg
		chmod a+x "$W"
		cd /
		start postgres $AS postgres -D "$W/pg"
		postgres=$STARTED
		cd "$W"
		ready() { pg_isready -q; }
		within 30 ready
		sql() { psql -XAt -v ON_ERROR_STOP=1 "$@"; }
	'
}

teardown() {
	end_kernels
}

others_may_enter() {
	chmod 711 "$1"
}

@test "psql by each address, with and without TLS; COPY, notifications, cancelling; a restart" {
	# shellcheck disable=SC2016
	in_network "$POSTGRES"'
		for address in $ADDRESSES; do
			[ "$(PGHOST=$address sql -c "select host(inet_server_addr())")" = "$address" ]
			[ "$(sql "host=$address sslmode=disable" -c "select ssl from pg_stat_ssl where pid = pg_backend_pid()")" = f ]
		done
		[ "$(sql "host=server.test hostaddr=10.1.0.1 sslmode=verify-full sslrootcert=$KEYS/ca.pem" \
			-c "select ssl from pg_stat_ssl where pid = pg_backend_pid()")" = t ]
		! sql "host=other.test hostaddr=10.1.0.1 sslmode=verify-full sslrootcert=$KEYS/ca.pem" -c "select 1" 2>error || false
		grep -q "does not match host name" error
		sql -q -c "create table lines (n int, line text)"
		seq 100000 | sed "s/.*/&\tline &/" >lines
		PGHOST=::1 sql -c "copy lines from stdin" <lines
		PGHOST=fd01::1 sql -c "copy (select * from lines order by n) to stdout" | cmp - lines
		[ "$(sql -c "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0" \
			-c "select count(*), sum(length(line)) from lines where line like \$\$%7%\$\$" | tail -1)" = \
			"$(grep -c "line.*7" lines)|$(grep "line.*7" lines | cut -f2 | tr -d "\n" | wc -c)" ]
		printf "%s\n" "listen tests;" "select pg_sleep(0.1);" "notify tests, \$\$payload\$\$;" "select 1;" | sql >heard
		grep -q "payload" heard
		status=0
		sql -c "set statement_timeout = 200" -c "select pg_sleep(30)" 2>error || status=$?
		grep -q "statement timeout" error
		# cancelled by a connection of its own, as Ctrl-C does
		sql -c "select pg_sleep(30)" 2>error &
		sleeper=$!
		cancelled() { [ "$(sql -c "select count(pg_cancel_backend(pid)) from pg_stat_activity
			where query = \$\$select pg_sleep(30)\$\$")" = 1 ]; }
		within 20 cancelled
		! wait $sleeper || false
		grep -q "user request" error
		$AS pg_ctl -D "$W/pg" -m fast -w -l "$W/pg/log" restart >restart
		within 30 ready
		[ "$(sql -c "select count(*) from lines")" = 100000 ]
		$AS pg_ctl -D "$W/pg" -m fast -w stop >stop
	'
}

@test "pgbench: its tables, clients in threads, a connection for each transaction, TLS" {
	# shellcheck disable=SC2016
	in_network "$POSTGRES"'
		PGHOST=10.1.0.1 pgbench -i -q -s 1 >init 2>&1
		done_by() {
			grep -x "number of transactions actually processed: $2/$2" "$1" &&
				grep -q "failed transactions: 0 " "$1"
		}
		PGSSLMODE=disable PGHOST=::1 pgbench -n -c 10 -j 2 -t 50 >plain
		done_by plain 500
		PGSSLMODE=require PGHOST=10.1.0.1 pgbench -n -c 4 -t 50 -M prepared >tls
		done_by tls 200
		PGSSLMODE=disable pgbench -n -c 4 -t 20 -C -S >each
		done_by each 80
		[ "$(sql -c "select count(*) from pgbench_history")" = 700 ]
		[ "$(sql -c "select sum(bbalance) = (select sum(delta) from pgbench_history) from pgbench_branches")" = t ]
	'
}
