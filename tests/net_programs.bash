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
#	within SECONDS COMMAND...	the command succeeds in that time
#	$DATA				a folder with files to send
#	$W				an empty folder of the host

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
		local end=$((SECONDS + $1))
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

_in_network() {
	W=$T/$kernel
	mkdir "$W"
	export W
	(cd "$W" && client "$BASH" -c "$NET_PRELUDE"$'\n'"$1" net </dev/null) || {
		local status=$? file
		for file in "$W"/*; do
			[ -f "$file" ] && [ -s "$file" ] && [[ $file != *.conf ]] &&
				[ "$(stat -c %s "$file")" -lt 20000 ] || continue
			echo "$file:"
			tail -n 15 "$file"
		done
		return "$status"
	}
}

in_network() {
	local script=$1 KERNELS=$KERNELS socket=all:nolocal
	shift
	[ $# = 0 ] || KERNELS=$*
	on_each_kernel _in_network "$script"
}
