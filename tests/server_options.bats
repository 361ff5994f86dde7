#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rump_server's options: what each does, and what bad ones get.

load lib

setup() {
	require "$SERVER_PROGRAM"
	D=$(short_folder)
	SERVER_FOLDERS=("$D")
	url=unix://$D/socket
	cd "$D"
}

teardown() { end_kernels; }

# server [OPTION...]: with its own log and pid file
server() {
	timeout -k 5 "$limit" env -u RUMP_SERVER LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" \
		--log "$D/log" --pidfile "$D/pid" "$@" 3>&-
}

# serves OPTION...: and detaches
serves() {
	run server "$@" "$url"
	echo "status $status: $output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ -S "$D/socket" ]
	SERVER_PID=$(<"$D/pid")
	SERVER_FOLDER=$D
	export RUMP_SERVER=$url
}

# fails STATUS TEXT OPTION...: one line that has TEXT, maybe with the way to --help; nothing is left
fails() {
	local want=$1 text=$2
	shift 2
	run server "$@"
	echo "$* gives $status: $output"
	[ "$status" -eq "$want" ] || return 1
	[[ ${lines[0]} == *"$text"* ]] || return 1
	[ ${#lines[@]} = 1 ] || [[ ${#lines[@]} = 2 && ${lines[1]} == "Try 'rump_server --help'." ]] || return 1
	[ ! -e "$D/socket" ] && [ ! -e "$D/pid" ]
}

@test "--help and --version" {
	run server --help
	[ "$status" -eq 0 ]
	local option
	for option in -c -d -f -l -m -r -s -v --group --root --secret-file --make-secret --any-address \
		--log --pidfile --help --version; do
		[[ $output == *" $option"* ]] || { echo "$option"; false; }
	done
	run server --version
	[[ $output =~ ^rump_server\ [0-9]+\.[0-9]+\ \(Linux\ 6\.12\.[0-9]+ ]]
}

@test "every option is in the manual" {
	local option
	for option in $(server --help | grep -oE '^  -[-a-z]+' | tr -d ' -'); do
		grep -qE "Fl (-)?$option\b|Fl sv" "$RUMP_TOP/man/rump_server.1" || { echo "$option"; false; }
	done
}

@test "no option that is unknown, none without its value, and an address" {
	fails 2 "invalid option -- 'q'" -q "$url"
	fails 2 "unrecognized option '--nonsense'" --nonsense "$url"
	fails 2 "requires an argument -- 'c'" "$url" -c
	fails 2 'no address: want unix://path or tcp://host:port/'
}

@test "addresses that are none" {
	fails 2 'no path behind unix://' unix://
	fails 2 'want unix://path or tcp://host:port/' "$D/socket"
	fails 2 "unknown kind of address 'http'" http://localhost/
	fails 2 'at most 107' "unix://$D/$(printf 'x%.0s' {1..120})"
	fails 2 "port '70000'" --secret-file x tcp://localhost:70000/
	fails 2 'want --secret-file FILE' tcp://127.0.0.1:1/
	fails 2 'o such file' "unix://$D/nowhere/socket"
}

@test "-c: virtual CPUs" {
	fails 2 "-c 'x': want a number" -c x "$url"
	fails 2 "-c ''" -c '' "$url"
	fails 2 '-c 99999: want a number from 1 to' -c 99999 "$url"
	fails 2 '-c 0: want a number from 1' -c 0 "$url"
	serves -c 2
	run client grep -c ^cpu[0-9] /rump/proc/stat
	[ "$output" = 2 ]
	stop_server
}

@test "-r: memory" {
	fails 2 "-r '12x': want a size such as 256m" -r 12x "$url"
	fails 2 '-r 1m: want a size such as 256m, at least 16m' -r 1m "$url"
	serves -r 64m
	run client awk '/^MemTotal:/ { print $2 }' /rump/proc/meminfo
	echo "$output KiB"
	[ "$output" -gt 40000 ] && [ "$output" -lt 66000 ]
	stop_server
}

@test "-d: host files under rump names" {
	fails 2 "-d: no key" -d hostpath=x "$url"
	fails 2 "-d: key 'x': want an absolute path" -d key=x,hostpath=y "$url"
	fails 2 "-d: no hostpath" -d key=/x "$url"
	fails 2 "-d: unknown word 'siz'" -d key=/x,hostpath=y,siz=1 "$url"
	fails 2 "-d: unknown type" -d key=/x,hostpath=y,type=disk "$url"
	fails 2 "-d: $D/nowhere: no such file" -d key=/dev/x,hostpath=nowhere "$url"
	printf 0123456789 >letters
	truncate -s 1m disk
	mkdir -p folder/sub
	echo deep >folder/sub/file
	serves -d key=/letters,hostpath=letters,type=reg,offset=2,size=5 \
		-d key=/dev/vda,hostpath="$D/disk",ro -d key=/folder,hostpath=folder,type=dirsubdirs \
		-d 'key=/with\,comma,hostpath=/dev/null,type=chr'
	run client cat /rump/letters /rump/folder/sub/file
	[ "$output" = 23456deep ]
	run client stat -c %F /rump/dev/vda /rump/with,comma
	[ "$output" = $'block special file\ncharacter special file' ]
	stop_server
}

@test "-d: an image in use is not taken" {
	truncate -s 1m disk
	serves -d key=/dev/vda,hostpath=disk
	mv pid first && SERVER_FOLDERS+=("$D")
	run server -d key=/dev/vda,hostpath=disk "unix://$D/other"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"$D/disk"*use* ]]
	mv first pid
	stop_server
}

@test "-f: files of rump.conf lines" {
	fails 2 "-f: include: $D/nowhere: no such file" -f nowhere "$url"
	printf 'hostname one\nmkdir /a\nmount nonsense\n' >bad.conf
	fails 2 "bad.conf:3: mount" -f bad.conf "$url"
	printf 'mount nonsensefs none /mnt\n' >bad.conf
	fails 2 "unknown file system 'nonsensefs'" -f bad.conf "$url"
	printf 'hostname one\nmkdir /a\n' >one.conf
	mkdir sub
	echo content >sub/file
	printf 'hostname two\ndrive /a/file file type=reg\n' >sub/two.conf
	serves -f one.conf -f sub/two.conf
	run client cat /rump/proc/sys/kernel/hostname /rump/a/file
	[ "$output" = $'two\ncontent' ]
	stop_server
}

@test "-l: components, by the names of their libraries too" {
	require "$RUMP_MODULES/modules.index"
	fails 2 "-l: unknown component 'nonsense'" -l nonsense "$url"
	fails 2 "-l ''" -l '' "$url"
	serves -l xfs -l rumpfs_squashfs -l librumpfs_vfat.so -l rumpnet_agr
	run client grep -cwE 'xfs|squashfs|vfat' /rump/proc/filesystems
	[ "$output" = 3 ]
	stop_server
}

@test "-m: modules, by file and by name" {
	local file
	require "$RUMP_MODULES/modules.index"
	fails 2 "-m nowhere.ko: No such file" -m nowhere.ko "$url"
	echo text >text.ko
	fails 2 "-m text.ko: no module of this kernel" -m text.ko "$url"
	fails 2 "-m: unknown component 'nonsense'" -m nonsense "$url"
	: >empty.ko
	fails 2 "-m ./empty.ko: no module of this kernel" -m ./empty.ko "$url"
	file=$RUMP_MODULES/nls_utf8.ko
	require "$file"
	serves -m exfat -m "$file"
	run client cut -d' ' -f1 /rump/proc/modules
	[[ $output == *nls_utf8* && $output == *exfat* ]]
	stop_server
}

@test "--group, and the mode of the socket" {
	local group
	fails 2 "--group 'nonsense': there is no such group" --group nonsense "$url"
	serves
	[ "$(stat -c %a socket)" = 600 ]
	stop_server
	# root may give the socket to any, others to one of their own
	group=$(id -G | awk '{ print $NF }')
	! is_root || group=12345
	serves --group "$group"
	[ "$(stat -c '%a %g' socket)" = "660 $group" ]
	stop_server
}

@test "--root: who is root inside" {
	fails 2 "--root 'nonsense': there is no such user" --root nonsense "$url"
	serves
	client mkdir /rump/of-root
	stop_server
	serves --root none
	run client mkdir /rump/of-root
	echo "$output"
	[ "$status" -ne 0 ]
	run timeout -k 5 20 "$RUMP_LIBRARIES/rump.halt" "$url"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ $output == *'not root in that kernel'* ]]
	stop_server
}

@test "--make-secret makes one that tcp:// takes, and never replaces it" {
	local secret
	server --make-secret secret
	[ "$(stat -c '%a %s' secret)" = '600 65' ]
	secret=$(<secret)
	[[ $secret =~ ^[0-9a-f]{64}$ ]]
	run server --make-secret secret
	[ "$status" -eq 1 ]
	[[ $output == *'File exists'* ]]
	[ "$(<secret)" = "$secret" ]
	server --make-secret other
	! cmp -s secret other || false
}

@test "--log and --pidfile that cannot be written" {
	fails 2 "log $D/no/log: No such file or directory" --log "$D/no/log" "$url"
	fails 2 "--pidfile $D/no/pid: No such file or directory" --pidfile "$D/no/pid" "$url"
	fails 2 "--log: want a file" --log '' "$url"
	if ! is_root; then
		fails 4 'Permission denied' --log /proc/version "$url"
	fi
}

@test "the options of private servers are for these" {
	fails 2 '--private' --listen-fd 5 "$url"
	fails 2 '--private' --lifeline-fd 5 "$url"
	fails 2 "--listen-fd 'x': want a descriptor" --private --listen-fd x
	fails 2 '--private wants --listen-fd' --private
	fails 2 'is no listening unix socket' --private --listen-fd 0 --lifeline-fd 1
}

@test "rump_allserver has every component" {
	local name
	require "$RUMP_MODULES/modules.index" "$RUMP_LIBRARIES/rump_allserver"
	SERVER_PROGRAM=$RUMP_LIBRARIES/rump_allserver
	serves
	for name in ext4 xfs btrfs squashfs exfat iso9660 vfat; do
		client grep -qw "$name" /rump/proc/filesystems
	done
	for name in bridge bonding wireguard nf_tables sctp mac80211_hwsim rfcomm; do
		client grep -q "^$name " /rump/proc/modules
	done
	stop_server
}
