#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Host files and directories under rump names: the registry, hostfs, character devices.

load programs
load open_libraries

setup_file() {
	build_program rumpsh rumpsh.c sides.c
	build_program leftover leftover.c sides.c
	build_program fsx fsx.c sides.c
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	host=$BATS_TEST_TMPDIR/host
	mkdir "$host"
}

# what a tree is: a line for each thing with all that a copy must keep
list_tree() {
	(
		cd "$1" || exit
		find . -printf '%p %y %m %n %U %G %T@ %l\n' | sort
		find . -type f -print0 | sort -z | xargs -0 sha256sum
	)
}

same_tree() {
	diff <(list_tree "$1") <(list_tree "$2")
}

make_tree() {
	mkdir -p "$1"/a/b/c "$1/empty" "$1/many"
	printf 'one\n' >"$1/a/one"
	: >"$1/a/nothing"
	head -c 3000000 /dev/urandom >"$1/a/b/big"
	head -c 4096 /dev/urandom >"$1/a/b/page"
	ln "$1/a/one" "$1/a/b/c/link"
	ln -s ../one "$1/a/b/symlink"
	ln -s /nowhere/at/all "$1/dangling"
	mkfifo -m 640 "$1/fifo"
	seq 700 | (cd "$1/many" && xargs -I{} touch "name-of-a-file-{}")
	printf 'x' >"$1/a name with blanks and ümläute"
	chmod 600 "$1/a/one"
	chmod 4755 "$1/a/b/page"
	chmod 1777 "$1/empty"
	[ "$(id -u)" != 0 ] || chown -h 1234:5678 "$1/dangling" "$1/a/b/page"
	[ "$(id -u)" != 0 ] || chmod 4755 "$1/a/b/page"
	find "$1" -exec touch -h -d '2021-03-04 05:06:07.123456789' {} +
}

# ---- trees

@test "a tree of the host, read here, is the same" {
	make_tree "$host/tree"
	rump <<-END
		etfs /host $host dirsubdirs
		copyout /host/tree $PWD/copy
	END
	same_tree "$host/tree" copy
}

@test "a tree written here is the same on the host" {
	make_tree tree
	rump <<-END
		etfs /host $host dirsubdirs
		copyin $PWD/tree /host/tree
	END
	same_tree tree "$host/tree"
}

@test "a real tree through hostfs, ext4 and back" {
	truncate -s 256M disk.img
	/sbin/mke2fs -q -t ext4 -F disk.img
	cp -a /usr/include/linux "$host/tree"
	LIMIT=200 rump <<-END
		etfs /host $host dirsubdirs
		etfs /dev/d $PWD/disk.img blk
		mkdir /m
		mount ext4 /dev/d /m
		copyin $host/tree /m/tree
		copyout /m/tree $PWD/a
		copyin $PWD/a /host/b
		umount /m
	END
	same_tree "$host/tree" a
	same_tree "$host/tree" "$host/b"
	/sbin/e2fsck -fn disk.img
}

@test "directories: every name once, positions hold" {
	mkdir "$host/many"
	seq 1000 | (cd "$host/many" && xargs touch)
	run rump <<-END
		etfs /host $host dirsubdirs
		seekdir /host/many
		ls /host/many
	END
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ "${lines[0]}" = 1002 ]
	[ "$(tail -n +2 <<<"$output" | sort -n | uniq)" = "$(seq 1000)" ]
}

@test "names: made, linked, moved, removed" {
	rump <<-END
		etfs /host $host dirsubdirs
		write rump /host/a one
		ln /host/a /host/b
		!EEXIST ln /host/a /host/b
		mkdir /host/d
		mv /host/b /host/d/c
		mkdir /host/d/e
		!ENOTEMPTY rmdir /host/d
		mv /host/d /host/f
		cat rump /host/f/c
		write rump /host/f/e/g two
		symlink f/e/g /host/s
		cat rump /host/s
		!EEXIST mv /host/a /host/f/c 1
		mv /host/a /host/f/e 2
		mkfifo /host/p
		rm /host/s
		!ENOENT rm /host/s
		!EISDIR rm /host/f
		!ENOTDIR rmdir /host/p
	END
	[ -d "$host/a" ]
	[ "$(cat "$host/f/e")" = one ]
	[ "$(cat "$host/a/g")" = two ]
	[ "$host/f/e" -ef "$host/f/c" ]
	[ -p "$host/p" ]
	[ ! -e "$host/s" ]
}

@test "what the host changes is seen" {
	run rump <<-END
		etfs /host $host dirsubdirs
		!ENOENT cat rump /host/x
		host echo first > host/x
		cat rump /host/x
		host echo second-longer > host/x
		cat rump /host/x
		host echo SECOND-longer > host/x
		cat rump /host/x
		host mv host/x host/y
		!ENOENT cat rump /host/x
		cat rump /host/y
		host mkdir -p host/d/e
		write rump /host/d/e/f 1
		host mv host/d host/moved
		!ENOENT cat rump /host/d/e/f
		cat rump /host/moved/e/f
		host rm -r host/moved
		!ENOENT ls /host/moved
		host mkdir host/moved
		ls /host/moved
		host rm host/y
		host mkdir host/y
		!EISDIR cat rump /host/y
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf '%s\n' first second-longer SECOND-longer SECOND-longer 1)" ]
}

@test "read-ahead goes on when the thread that began it does not come back" {
	head -c 1048576 /dev/urandom >"$host/data"
	timeout -k 5 20 "$PROGRAMS/leftover" "$host"
	RUMP_NCPU=2 timeout -k 5 20 "$PROGRAMS/leftover" "$host"
}

@test "what is written here is on the host after close" {
	run rump <<-END
		etfs /host $host dirsubdirs
		write rump /host/x 12345
		cat host $host/x
		append rump /host/x 678
		cat host $host/x
		patch rump /host/x 2 __
		cat host $host/x
		truncate 4 /host/x
		cat host $host/x
		truncate 10000 /host/x
		host stat -c %s host/x
		patch rump /host/x 20000 end
		host stat -c %s host/x
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf '%s\n' 12345 12345678 12__5678 12__ 10000 20003)" ]
	cmp <(printf '12__'; head -c 19996 /dev/zero; printf end) "$host/x"
}

@test "large files, both ways, with memory for a part of them only" {
	RUMP_MEMLIMIT=64m rump <<-END
		etfs /host $host dirsubdirs
		fill rump /host/big 0 200m 1 fsync
		check host $host/big 0 200m 1
		check rump /host/big 0 200m 1
		fill host $host/big 100m 50m 2
		check rump /host/big 0 100m 1
		check rump /host/big 100m 50m 2
		fill rump /host/big 12345 1000001 3
		check host $host/big 12345 1000001 3
		check host $host/big 1100000 10m 1
	END
}

@test "random operations on a file, from both sides, against a model" {
	local seed
	for seed in 1 2 3 4 5 6; do
		rm -f "$host/f"
		RUMP_NCPU=$((seed % 2 + 1)) timeout -k 5 60 "$PROGRAMS/fsx" /h/f "$host/f" "$seed" 2000
	done
	timeout -k 5 60 "$PROGRAMS/fsx" /tmp/f - 7 2000
}

@test "a full file system of the host: told by fsync and by close" {
	[ "$(id -u)" = 0 ] || skip "needs root to mount a small tmpfs"
	mount -t tmpfs -o size=1m none "$host"
	run rump <<-END
		etfs /host $host dirsubdirs
		!ENOSPC fill rump /host/f 0 4m 1 fsync
		!ENOSPC fill rump /host/g 0 4m 1
		rm /host/f
		rm /host/g
		fill rump /host/h 0 512k 1 fsync
		check host $host/h 0 512k 1
	END
	umount "$host"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "attributes are the host's and are set there" {
	run rump <<-END
		etfs /host $host dirsubdirs
		umask 0
		host-umask 077
		write rump /host/f x
		mkdir /host/d 1777
		stat /host/f
		chmod 4711 /host/f
		chmod 700 /host/d
		chmod 755 /host
		host stat -c '%a' host/f host/d host
		statfs /host
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "100644 1 $(id -u) $(id -g) 1 "* ]]
	[ "${lines[1]} ${lines[2]} ${lines[3]}" = "4711 700 755" ]
	[[ ${lines[4]} == c0ffee* ]]
}

@test "refusals of the host come back as they are" {
	[ "$(id -u)" = 0 ] || skip "needs root to become another user"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	echo secret >"$host/secret"
	chmod 600 "$host/secret"
	mkdir -m 700 "$host/closed"
	echo old >"$host/file"
	open_libraries "$BATS_FILE_TMPDIR/lib"
	LD_LIBRARY_PATH=$BATS_FILE_TMPDIR/lib setpriv --reuid=65534 --regid=65534 --clear-groups \
		timeout -k 5 60 "$PROGRAMS/rumpsh" <<-END
		etfs /host $host dirsubdirs
		!EACCES cat rump /host/secret
		!EACCES ls /host/closed
		!EACCES stat /host/closed/x
		!EACCES write rump /host/new x
		!EACCES mkdir /host/d
		!EACCES rm /host/file
		!EPERM chmod 777 /host/file
		!EPERM chown 0 0 /host/file
		!EACCES append rump /host/file x
		cat rump /host/file
	END
	[ "$(cat "$host/file")" = old ]
}

@test "files that may be written but not read, and files without a size" {
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	printf 'abcdef' >"$host/drop"
	chmod 222 "$host/drop"
	local user=()
	[ "$(id -u)" != 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	open_libraries "$BATS_FILE_TMPDIR/lib"
	LD_LIBRARY_PATH=$BATS_FILE_TMPDIR/lib "${user[@]}" timeout -k 5 60 "$PROGRAMS/rumpsh" <<-END
		etfs /host $host dirsubdirs
		!EACCES cat rump /host/drop
		append rump /host/drop ghi
		patch rump /host/drop 1 XY
	END
	chmod 644 "$host/drop"
	[ "$(cat "$host/drop")" = aXYdefghi ]
	run rump <<-END
		etfs /hostproc /proc/sys/kernel dirsubdirs
		cat rump /hostproc/ostype
	END
	echo "$output"
	[ "$output" = Linux ]
}

@test "symlinks of the host do not lead out of the tree" {
	mkdir outside
	echo outside >outside/file
	ln -s "$PWD/outside" "$host/absolute"
	ln -s ../outside "$host/relative"
	ln -s ../outside/file "$host/file"
	mkdir "$host/d"
	echo inside >"$host/d/file"
	run rump <<-END
		etfs /host $host dirsubdirs
		!ENOENT cat rump /host/absolute/file
		!ENOENT cat rump /host/relative/file
		!ENOENT cat rump /host/file
		readlink /host/relative
		cat rump /host/d/file
		host mv host/d host/was-d
		host ln -s ../outside host/d
		!ENOENT cat rump /host/d/file
		!ENOENT write rump /host/d/new x
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = ../outside ]
	[ "${lines[1]}" = inside ]
	[ ! -e outside/new ]
}

@test "one level: subdirectories are not there" {
	mkdir "$host/sub"
	echo x >"$host/file"
	echo y >"$host/sub/file"
	run rump <<-END
		etfs /host $host dir
		ls /host
		cat rump /host/file
		!ENOENT stat /host/sub
		!ENOENT cat rump /host/sub/file
		!EPERM mkdir /host/new
		write rump /host/two z
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf 'file\nx')" ]
	[ "$(cat "$host/two")" = z ]
}

@test "stores to a mapping reach the host, holes and attributes pass through" {
	truncate -s 1M "$host/f"
	printf x | dd of="$host/f" bs=1 seek=524288 conv=notrunc status=none
	python3 -c "import os; os.setxattr('$host/f', 'user.one', b'from the host')" ||
		skip "this file system has no user.* attributes"
	run rump <<-END
		etfs /host $host dirsubdirs
		mmap-patch /host/f 8190 AB
		cat host $host/f 8190 2
		seek /host/f data 100000
		seek /host/f hole 524288
		!ENXIO seek /host/f data 700000
		getxattr /host/f user.one
		setxattr /host/f user.two here
		rmxattr /host/f user.one
		!ENODATA getxattr /host/f user.one
		punch /host/f 524288 4096
		!ENXIO seek /host/f data 100000
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf '%s\n' AB 524288 528384 'from the host')" ]
	[ "$(python3 -c "import os; print(os.listxattr('$host/f'))")" = "['user.two']" ]
}

# ---- files

@test "a regular file: read, written, grown, cut" {
	echo hello >"$host/f"
	run rump <<-END
		etfs /some/where/f $host/f reg
		cat rump /some/where/f
		append rump /some/where/f more
		cat host $host/f
		truncate 3 /some/where/f
		cat host $host/f
		!EBUSY rm /some/where/f
		host echo other > host/f
		cat rump /some/where/f
		etfs-remove /some/where/f
		!ENOENT stat /some/where/f
		stat /some/where
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(head -n 5 <<<"$output")" = "$(printf '%s\n' hello hello more hel other)" ]
}

@test "a window of a file has a fixed size" {
	seq 1 2000 >"$host/f"
	cp "$host/f" before
	run rump <<-END
		etfs /w $host/f reg 1000 500
		stat /w
		patch rump /w 490 0123456789
		!ENOSPC patch rump /w 500 x
		!ENOSPC append rump /w x
		!EPERM truncate 400 /w
		etfs-remove /w
		etfs /rest $host/f reg 1490
		cat rump /rest 0 10
		!EINVAL etfs /no $host/f reg 1m 1
		!EINVAL etfs /no $host/f reg 8000 1000
		!ENOENT stat /no
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "100644 1 $(id -u) $(id -g) 500 "* ]]
	[ "${lines[1]}" = 0123456789 ]
	cmp "$host/f" <(head -c 1490 before; printf 0123456789; tail -c +1501 before)
}

@test "character devices: zero, null, a fifo, a file" {
	mkfifo fifo
	echo contents >file
	(sleep 0.5; echo from the host; sleep 0.5) >fifo &
	run rump <<-END
		etfs /dev/hostzero /dev/zero chr
		etfs /dev/hostnull /dev/null chr
		etfs /dev/hostfifo $PWD/fifo chr
		etfs /dev/hostfile $PWD/file chr
		stat /dev/hostzero
		patch rump /dev/hostnull 0 x
		hold /dev/hostzero
		!EBUSY etfs-remove /dev/hostzero
		release
		etfs-remove /dev/hostzero
		!ENOENT stat /dev/hostzero
		cat rump /dev/hostfile
		host sleep 0.3
		cat rump /dev/hostfifo
	END
	wait
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == 20600\ * ]]
	[ "${lines[1]}" = contents ]
	[ "${lines[2]}" = "from the host" ]
}

# ---- the registry

@test "keys: parents are made, one name is one key, errors" {
	echo x >"$host/f"
	rump <<-END
		etfs /a//b/c/ $host/f reg
		cat rump /a/b/c
		!EEXIST etfs /a/b/c $host/f reg
		!EEXIST etfs /a/b//c/ $host/f blk
		!EINVAL etfs relative $host/f reg
		!EINVAL etfs / $host dir
		!EINVAL etfs /x $host/f 77
		!EINVAL etfs /x $host dir 0 100
		!EINVAL etfs /x $host/f chr 1
		!ENOENT etfs /x $host/none reg
		!ENOTDIR etfs /x $host/f dir
		!EISDIR etfs /x $host reg
		!ENOTDIR etfs /a/b/c/d $host/f reg
		!ENOENT etfs-remove /nothing
		!ENOENT etfs-remove relative
		!EFAULT etfs-badptr
		!EFAULT etfs-badptr /x
		mkdir /exists
		write rump /exists/inside 1
		!EEXIST etfs /exists/inside $host/f reg
		etfs /exists $host dir
		cat rump /exists/f
		etfs-remove /exists
		cat rump /exists/inside
	END
}

@test "in use is EBUSY, and nothing is lost by it" {
	echo x >"$host/f"
	rump <<-END
		etfs /host $host dirsubdirs
		hold /host/f
		!EBUSY etfs-remove /host
		cat rump /host/f
		release
		etfs-remove /host
		!ENOENT stat /host
	END
}

@test "relative host paths mean the working directory of the call" {
	mkdir one two
	echo 1 >one/f
	echo 2 >two/f
	run rump <<-END
		chdir $PWD/one
		etfs /reg f reg
		etfs /chr f chr
		chdir $PWD/two
		cat rump /reg
		cat rump /chr
	END
	echo "$output"
	[ "$output" = "$(printf '1\n1')" ]
}

@test "registrations before the kernel boots" {
	echo x >"$host/f"
	run rump <<-END
		boot-etfs /early/dir $host dirsubdirs
		boot-etfs /early/none $host/none reg
		boot-etfs /early/f $host/f reg
		init
		!ENOENT boot-etfs-error 1
		boot-etfs-error 0
		boot-etfs-error 2
		cat rump /early/dir/f
		cat rump /early/f
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *$'x\nx' ]]
}

@test "mount(2) of hostfs, and what it refuses" {
	echo x >"$host/f"
	rump <<-END
		mkdir /mnt
		mount hostfs $host /mnt
		cat rump /mnt/f
		umount /mnt
		mount hostfs $host /mnt ro
		cat rump /mnt/f
		!EROFS write rump /mnt/g y
		umount /mnt
		!ENOENT mount hostfs $host/none /mnt
		!ENOTDIR mount hostfs $host/f /mnt
		!EINVAL mount hostfs $host /mnt rw size=5
		!EINVAL mount hostfs $host /mnt rw nonsense
	END
}

@test "descriptors of the host are not used up by many files" {
	mkdir "$host/d"
	seq 2000 | (cd "$host/d" && xargs touch)
	for i in $(seq 300); do mkdir -p "$host/dirs/$i/x"; echo "$i" >"$host/dirs/$i/x/f"; done
	(
		ulimit -n 256
		rump <<-END
			etfs /host $host dirsubdirs
			copyout /host $PWD/copy
		END
	)
	diff -r "$host" copy
}
