# SPDX-License-Identifier: BSD-2-Clause
#
# NFS: a kernel with sockin mounts what a server of the host exports, and one kernel what
# another exports over a bus between them.

setup() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" ip
	is_root || skip_or_fail "root, for a network namespace and a server of NFS"
	NETNS=rump-nfs-$$-$BATS_TEST_NUMBER
	PIDS=()
}

teardown() {
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || :
		wait_until 10 _is_gone "$pid" || kill -9 "$pid"
	done
	! ip netns pids "$NETNS" 2>/dev/null | grep . || ip netns pids "$NETNS" | xargs kill -9
	ip netns delete "$NETNS" 2>/dev/null || :
	end_kernels
}

# a namespace with a loopback, an rpcbind and an NFS server of version 3 and 4
start_ganesha() {
	require ganesha.nfsd rpcbind
	mkdir -p "$T/export" "$T/recovery"
	cat >"$T/ganesha.conf" <<-END
		NFS_CORE_PARAM {
			Protocols = 3, 4; NFS_Port = 2049; MNT_Port = 20048;
			Enable_NLM = false; Enable_RQUOTA = false; mount_path_pseudo = false;
		}
		NFSv4 {
			Graceless = true; Lease_Lifetime = 20; RecoveryRoot = $T/recovery;
			RecoveryBackend = fs; Only_Numeric_Owners = true;
		}
		EXPORT {
			Export_Id = 1; Path = $T/export; Pseudo = /export; Access_Type = RW;
			Squash = No_Root_Squash; SecType = sys; Protocols = 3, 4; Transports = TCP;
			FSAL { Name = VFS; }
		}
	END
	ip netns add "$NETNS"
	ip -n "$NETNS" link set lo up
	# a /run of their own, where rpcbind has its socket and its lock
	ip netns exec "$NETNS" unshare -m sh -c '
		mount -t tmpfs none /run
		rpcbind -f &
		until rpcinfo -p 127.0.0.1 >/dev/null 2>&1; do sleep 0.1; done
		ganesha.nfsd -F -f "$1/ganesha.conf" -L "$1/ganesha.log" -p /run/ganesha.pid &
		wait' sh "$T" >"$T/servers" 2>&1 3>&- &
	PIDS+=($!)
	listens() {
		ip netns exec "$NETNS" ss -Hltn "sport = :$1" | grep -q .
	}
	wait_until 60 listens 2049 && wait_until 20 listens 20048 ||
		{ cat "$T/servers" "$T/ganesha.log"; return 1; }
}

# in_export CONF-LINE COMMAND...: the mount of the line at /rump/mnt, in the namespace
in_export() {
	printf 'sockin\ncomponent nfs\n%s\n' "$1" >"$T/conf"
	shift
	limit=150
	timeout -k 5 $limit ip netns exec "$NETNS" env RUMPHIJACK="path=/rump,strict=yes,conf=$T/conf" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" LD_PRELOAD="${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME:}$LIBRUMPHIJACK" "$@"
}

@test "an export of the host by sockin, versions 4 and 3; options that mount.nfs would add" {
	start_ganesha
	local line
	for line in 'mount nfs4 127.0.0.1:/export /mnt' \
		"mount nfs 127.0.0.1:$T/export /mnt vers=3,nolock"; do
		echo "$line"
		head -c 3000000 /dev/urandom >"$T/export/from-host"
		cp "$T/export/from-host" "$T/original"
		in_export "$line" bash -c '
			set -e
			cd /rump/mnt
			cmp from-host "$1"
			head -c 2000000 /dev/urandom >written
			cp written copy
			cmp written copy
			mkdir -p a/b
			mv copy a/b/moved
			ln -s b/moved a/link
			echo line >>a/link
			chmod 640 written
			stat -c "%a %s" written a/b/moved
			rm from-host
			ls a
			# the connection goes with its mount
			cd /rump
			umount -i /rump/mnt
			end=$((SECONDS + 60))
			until [ "$(cat /rump/sys/module/sockin/refcnt)" = 0 ]; do
				[ $SECONDS -lt $end ] || { grep -H . /rump/sys/module/*/refcnt; break; }
				sleep 0.05
			done' bash "$T/original" >"$T/out"
		[ "$(<"$T/out")" = $'640 2000000\n644 2000005\nb\nlink' ] || { cat "$T/out"; return 1; }
		cmp -n 2000000 "$T/export/written" "$T/export/a/b/moved"
		[ "$(tail -c 5 "$T/export/a/b/moved")" = line ]
		[ ! -e "$T/export/from-host" ]
		rm -rf "$T/export"/*
	done
	# no name is looked up
	run in_export 'mount nfs4 server:/export /mnt' ls /rump/mnt
	[ "$status" != 0 ]
	[[ $output == *"'server:/export': want ADDRESS:/PATH"* ]] || { echo "$output"; return 1; }
}

@test "one kernel exports, another one mounts it over a bus" {
	cat >"$T/server.conf" <<-END
		component nfs
		interface shmif0 $T/bus
		address shmif0 10.9.0.1/24
		mkdir /export
		mount tmpfs none /export
		mount nfsd none /nfsd
	END
	start_server -f "$T/server.conf"
	# what exportfs and mountd would tell the kernel
	client bash -c '
		set -e
		cd /rump/proc/net/rpc
		echo "nfsd 10.9.0.2 2147483647 kernels" >auth.unix.ip/channel
		echo "kernels /export 2147483647 9234 65534 65534 0" >nfsd.export/channel
		echo "kernels 1 \\x00000000 2147483647 /export" >nfsd.fh/channel
		cd /rump/nfsd
		echo "-3 +4 +4.1 +4.2" >versions
		# nobody has anything to reclaim, but for so long it waits
		echo 10 >nfsv4gracetime
		echo 2 >threads
		echo served >/rump/export/from-server'
	cat >"$T/client.conf" <<-END
		component nfs
		interface shmif0 $T/bus
		address shmif0 10.9.0.2/24
		mount nfs4 10.9.0.1:/ /mnt
	END
	head -c 3000000 /dev/urandom >"$T/data"
	limit=150
	(
		unset RUMP_SERVER
		rump_with "path=/rump,strict=yes,conf=$(escape_word "$T/client.conf")" bash -c '
			set -e
			cat /rump/mnt/from-server
			cp "$1" /rump/mnt/data
			cmp "$1" /rump/mnt/data
			ls /rump/mnt' bash "$T/data" >"$T/out"
	)
	[ "$(<"$T/out")" = $'served\ndata\nfrom-server' ] || { cat "$T/out"; return 1; }
	client cmp "$T/data" /rump/export/data
	stop_server
}
