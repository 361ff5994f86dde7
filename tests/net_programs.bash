# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Programs that talk to each other over a rump network, both ends in one kernel.
#
#	in_network SCRIPT [KERNEL...]	on each kernel (of these), in a bash under the preload
#
# What a script finds:
#
#	$ADDRESSES			of the loopback and of an interface, IPv4 and IPv6
#	url ADDRESS			the address as it stands in a URL
#	start NAME COMMAND...		in the background until the script ends; its output is
#					$W/NAME, its process $STARTED
#	opens PORT [ADDRESS]		somebody listens there, within 20 seconds
#	within SECONDS COMMAND...	the command succeeds in that time, or in four times as much
#					on a machine that is slow
#	$DATA				a folder with files to send
#	$W				an empty folder of the host
#
# Two kernels: serve_on_bus 1 SCRIPT; on_bus 2 SCRIPT; end_bus 1.

# the first lines of each script
NET_PRELUDE=$(cat <<'END'
	set -eE
	trap 'echo "line $LINENO: $BASH_COMMAND: status $?" >&2' ERR
	ADDRESSES='127.0.0.1 ::1 10.1.0.1 fd01::1'
	started=()
	trap 'kill "${started[@]}" 2>/dev/null || :; wait' EXIT
	url() {
		case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac
	}
	start() {
		local name=$1
		shift
		"$@" >"$W/$name" 2>&1 </dev/null &
		STARTED=$!
		started+=("$STARTED")
	}
	within() {
		local end=$((SECONDS + 4 * $1))
		shift
		until "$@"; do
			[ "$SECONDS" -lt "$end" ] || { echo "not within the time: $*" >&2; return 1; }
			sleep 0.05
		done
	}
	is_open() {
		(exec 9<>"/dev/tcp/$2/$1") 2>/dev/null
	}
	opens() {
		within 20 is_open "$1" "${2:-127.0.0.1}"
	}
END
)
NET_INTERFACE=$(cat <<'END'
	ip link add net0 type dummy
	ip link set net0 up
	ip addr add 10.1.0.1/24 dev net0
	ip addr add fd01::1/64 nodad dev net0
END
)

# for setup_file
make_net_data() {
	local n
	export DATA=$BATS_FILE_TMPDIR/data
	mkdir -p "$DATA/folder/below"
	seq 300000 >"$DATA/big"
	head -c 3000001 /dev/urandom >"$DATA/random"
	echo hello >"$DATA/hello"
	: >"$DATA/empty"
	for n in $(seq 40); do
		seq "$n" 2000 >"$DATA/folder/$n"
	done
	echo deep >"$DATA/folder/below/deep"
}

# a key and a certificate for all addresses, signed by an authority of its own: $DATA.ca ...
make_net_keys() {
	export KEYS=$BATS_FILE_TMPDIR/keys
	mkdir "$KEYS"
	(
		cd "$KEYS"
		openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tests
		openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=server.test
		printf '%s\n' 'subjectAltName=DNS:server.test,DNS:localhost,IP:127.0.0.1,IP:::1,IP:10.1.0.1,IP:fd01::1' >names
		openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
			-extfile names -out cert.pem
	) >"$KEYS/log" 2>&1
	chmod 600 "$KEYS/key.pem"
}

# _script SCRIPT: in $W
_script() {
	(cd "$W" && client "$BASH" -c "$NET_PRELUDE"$'\n'"$1" net </dev/null 3>&-) || {
		local status=$? file
		for file in "$W"/*; do
			[ -f "$file" ] && [ -s "$file" ] && [[ $file != *.conf ]] &&
				[ "$(stat -c %s "$file")" -lt 20000 ] || continue
			echo "$file:"
			tail -n 40 "$file"
		done
		return "$status"
	}
}

_in_network() {
	W=$T/$kernel
	mkdir "$W"
	export W
	_script "$NET_INTERFACE"$'\n'"$1"
}

in_network() {
	local script=$1 KERNELS=$KERNELS socket=all:nolocal
	shift
	[ $# = 0 ] || KERNELS=$*
	on_each_kernel _in_network "$script"
}

# on_bus N SCRIPT: in a kernel of its own, whose address on the bus is 10.2.0.N, fd02::N
on_bus() {
	local RUMP_TEST_KERNEL=local socket=all:nolocal W=$T/bus.$1
	socket+=",interface=shmif0 $T/bus,address=shmif0 10.2.0.$1/24,address=shmif0 fd02::$1/64"
	socket+=",host=10.2.0.1 one.test,host=fd02::1 one6.test,host=10.2.0.2 two.test"
	mkdir -p "$W"
	export W
	_script "$2"
}

# serve_on_bus N SCRIPT: in the background, until end_bus N; what the script starts is there
serve_on_bus() {
	mkdir -p "$T/bus.$1"
	mkfifo "$T/bus.$1/end"
	on_bus "$1" "$2"'
		: >serves
		read -r _ <>end' >"$T/bus.$1.out" 2>&1 3>&- &
	wait_until 40 [ -e "$T/bus.$1/serves" ] || { cat "$T/bus.$1.out"; return 1; }
}

end_bus() {
	echo end >"$T/bus.$1/end"
	wait_until 20 _has_ended "$1"
}

_has_ended() {
	! grep -lsFz "W=$T/bus.$1" /proc/[0-9]*/environ >/dev/null
}
