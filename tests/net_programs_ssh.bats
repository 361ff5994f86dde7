#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# sshd and what goes over it, rsync and git, in a rump network.

load lib
load net_programs

setup_file() {
	load lib
	load net_programs
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" ssh scp sftp /usr/sbin/sshd ssh-keygen \
		rsync git curl python3 ip
	make_net_data
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	export KEYS=$BATS_FILE_TMPDIR/keys
	mkdir "$KEYS"
	ssh-keygen -q -t ed25519 -N '' -f "$KEYS/host"
	ssh-keygen -q -t ed25519 -N '' -f "$KEYS/user"
	cat >"$KEYS/config" <<-END
		Host *
		IdentityFile $KEYS/user
		UserKnownHostsFile $KEYS/known
		BatchMode yes
		Port 2222
		LogLevel ERROR
		ServerAliveInterval 1
		ServerAliveCountMax 100
	END
	printf '* %s\n' "$(cut -d' ' -f1,2 "$KEYS/host.pub")" >"$KEYS/known"
	USER=$(id -un)
	export USER
	if is_root; then
		# where the privileged part of sshd confines the other one
		mkdir -p /run/sshd
	fi
}

setup() {
	# some dozens of logins
	limit=200
	cat >"$T/sshd_config" <<-END
		Port 2222
		ListenAddress 0.0.0.0
		ListenAddress ::
		HostKey $KEYS/host
		AuthorizedKeysFile $KEYS/user.pub
		PidFile none
		StrictModes no
		PermitRootLogin yes
		PasswordAuthentication no
		UsePAM no
		GatewayPorts clientspecified
		MaxStartups 50
		ClientAliveInterval 1
		ClientAliveCountMax 100
		Subsystem sftp internal-sftp
	END
	# shellcheck disable=SC2016
	SSHD='
		start sshd.out /usr/sbin/sshd -D -e -f "$T/sshd_config"
		sshd=$STARTED
		opens 2222
		s() { ssh -F "$KEYS/config" "$@"; }
	'
	export T
}

teardown() {
	end_kernels
}

@test "ssh: logins by each address, commands, data both ways, a terminal, many sessions" {
	# shellcheck disable=SC2016
	in_network "$SSHD"'
		for address in $ADDRESSES; do
			[ "$(s "$address" "echo \$SSH_CONNECTION" | cut -d" " -f3,4)" = "$address 2222" ]
		done
		[ "$(s 10.1.0.1 id -un)" = "$USER" ]
		s ::1 cat <"$DATA/random" | cmp - "$DATA/random"
		s 127.0.0.1 "sha256sum; exit 3" <"$DATA/big" >sum || status=$?
		[ "$status" = 3 ]
		[ "$(cut -d" " -f1 sum)" = "$(sha256sum <"$DATA/big" | cut -d" " -f1)" ]
		[[ $(s -tt 10.1.0.1 tty) == /dev/pts/* ]]
		[[ $(s -n 127.0.0.1 "cat; echo end") == end ]]
		s -n 127.0.0.1 "echo err >&2" 2>err
		[ "$(cat err)" = err ]
		pids=()
		for n in $(seq 4); do
			s -n ::1 "echo $n; sleep 0.2; cat $DATA/big" >"many.$n" &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do wait $pid; done
		for n in $(seq 4); do
			cmp "many.$n" <(echo "$n"; cat "$DATA/big")
		done
		# one connection for several sessions, by a socket of the host
		s -fNM -S "$W/control" 127.0.0.1
		[ "$(s -S "$W/control" 127.0.0.1 echo shared)" = shared ]
		s -S "$W/control" -O exit 127.0.0.1 2>/dev/null
		# quiet for longer than keep-alives take
		[ "$(s -n fd01::1 "sleep 2; echo awake")" = awake ]
	'
}

@test "scp and sftp; rsync over ssh and by its daemon" {
	# shellcheck disable=SC2016
	in_network "$SSHD"'
		scp -q -F "$KEYS/config" -r "$DATA" "[fd01::1]:$W/by-scp"
		diff -r "$DATA" by-scp
		scp -q -O -F "$KEYS/config" "10.1.0.1:$DATA/random" back
		cmp back "$DATA/random"
		printf "%s\n" "put $DATA/big sent" "get sent got" "rename sent moved" |
			sftp -q -F "$KEYS/config" -b - "127.0.0.1:$W" >sftp.out
		cmp got "$DATA/big"
		[ -e moved ] && [ ! -e sent ]
		rsync -a -e "ssh -F $KEYS/config" "$DATA/" "10.1.0.1:$W/by-rsync/"
		diff -r "$DATA" by-rsync
		echo changed >>by-rsync/folder/7
		rsync -a --delete --checksum -z -e "ssh -F $KEYS/config" "10.1.0.1:$DATA/" by-rsync/
		diff -r "$DATA" by-rsync

		printf "%s\n" "use chroot = no" "uid = $(id -u)" "gid = $(id -g)" "pid file = $W/rsync.pid" "[data]" "path = $DATA" \
			"[store]" "path = $W/store" "read only = no" >rsync.conf
		mkdir store
		for address in 10.1.0.1 ::1; do
			start rsync.out rsync --daemon --no-detach --port 873 --address "$address" --config rsync.conf
			daemon=$STARTED
			opens 873 "$address"
			rsync -a "rsync://$(url $address)/data/" by-daemon/
			diff -r "$DATA" by-daemon
			rsync -a --delete by-daemon/ "rsync://$(url $address)/store/"
			diff -r "$DATA" store
			rm -r by-daemon
			kill $daemon
			wait $daemon || :
			rm -f rsync.pid
		done
	'
}

@test "ssh: forwards -L, -R and -D carry http" {
	# shellcheck disable=SC2016
	in_network "$SSHD"'
		start http python3 -m http.server --bind 10.1.0.1 --directory "$DATA" 80
		opens 80 10.1.0.1
		start forwards ssh -F "$KEYS/config" -N -o ExitOnForwardFailure=yes -L 127.0.0.1:8001:10.1.0.1:80 \
			-R "[fd01::1]:8002:10.1.0.1:80" -D 8003 ::1
		opens 8001
		opens 8002 fd01::1
		opens 8003
		curl -sS http://127.0.0.1:8001/random | cmp - "$DATA/random"
		curl -sSg "http://[fd01::1]:8002/random" | cmp - "$DATA/random"
		curl -sS --socks5-hostname 127.0.0.1:8003 http://10.1.0.1/random | cmp - "$DATA/random"
		curl -sS -Z "http://127.0.0.1:8001/folder/[1-40]" -o "many/#1" --create-dirs 2>/dev/null
		for n in $(seq 40); do cmp "many/$n" "$DATA/folder/$n"; done
	'
}

@test "git: clone and push by git daemon, by ssh and by http" {
	# shellcheck disable=SC2016
	in_network "$SSHD"'
		export HOME=$W GIT_CONFIG_NOSYSTEM=1 GIT_SSH_COMMAND="ssh -F $KEYS/config"
		git config --global user.email tests@localhost
		git config --global user.name tests
		git config --global init.defaultBranch main
		git config --global safe.directory "*"
		git init -q --bare served/p.git
		git -C served/p.git config http.receivepack true
		git init -q work
		cp -r "$DATA/folder" "$DATA/random" work/
		git -C work add .
		git -C work commit -qm first
		start git-daemon git daemon --reuseaddr --base-path="$W/served" --export-all --enable=receive-pack
		mkdir cgi-bin
		printf "#!/bin/sh\nexport GIT_PROJECT_ROOT=%s GIT_HTTP_EXPORT_ALL=1 REMOTE_USER=tests\nexec git http-backend\n" "$W/served" >cgi-bin/git
		chmod +x cgi-bin/git
		# without becoming another user, who may not write here
		start cgi python3 -c "import http.server as h, os, socket
h.nobody_uid = os.getuid
h.ThreadingHTTPServer.address_family = socket.AF_INET6
h.ThreadingHTTPServer((\"::\", 80), h.CGIHTTPRequestHandler).serve_forever()"
		opens 9418
		opens 80 ::1
		n=0
		for remote in git://10.1.0.1/p.git "ssh://[::1]$W/served/p.git" "http://[fd01::1]/cgi-bin/git/p.git"; do
			n=$((n + 1))
			echo "$remote" >work/by
			git -C work add by
			git -C work commit -qm "$remote"
			git -C work push -q "$remote" main
			[ "$(git -C served/p.git rev-parse main)" = "$(git -C work rev-parse main)" ]
			git clone -q -b main "$remote" "clone.$n"
			diff -r -x .git work "clone.$n"
			git -C "clone.$n" fsck --no-progress
		done
	'
}
