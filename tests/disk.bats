#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Host files and host block devices as disks.

load programs
load open_libraries

setup_file() {
	build_program rumpsh rumpsh.c sides.c
	build_program diskbusy diskbusy.c sides.c
	build_program frozen frozen.c sides.c
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	image=$BATS_TEST_TMPDIR/disk.img
}

# bytes of $1 that hold data, by the host
data_bytes() {
	python3 - "$1" <<-'END'
		import os, sys
		fd = os.open(sys.argv[1], os.O_RDONLY)
		size, at, data = os.fstat(fd).st_size, 0, 0
		while at < size:
		    try:
		        start = os.lseek(fd, at, os.SEEK_DATA)
		    except OSError:
		        break
		    at = os.lseek(fd, start, os.SEEK_HOLE)
		    data += at - start
		print(data)
	END
}

@test "an ext4 image: written here, whole for e2fsck and debugfs" {
	make_ext4 "$image" 64
	rump <<-END
		etfs /dev/disk $image blk
		mkdir /m
		mount ext4 /dev/disk /m
		write rump /m/hello world
		fill rump /m/big 0 8m 5
		umount /m
	END
	check_ext4 "$image"
	[ "$(/sbin/debugfs -R 'cat /hello' "$image" 2>/dev/null)" = world ]
	/sbin/debugfs -R "dump /big $BATS_TEST_TMPDIR/big" "$image"
	[ "$(stat -c %s big)" = 8388608 ]
	rump <<<"check host $BATS_TEST_TMPDIR/big 0 8m 5"
}

@test "file systems that are still mounted at exit are whole" {
	make_ext4 "$image" 64
	rump <<-END
		etfs /dev/disk $image blk
		mkdir /m
		mount ext4 /dev/disk /m
		fill rump /m/big 0 8m 5
	END
	check_ext4 "$image"
	rump <<-END
		etfs /dev/disk $image blk
		mkdir /m
		mount ext4 /dev/disk /m
		check rump /m/big 0 8m 5
	END
}

@test "data of any place and length goes both ways" {
	truncate -s 16M "$image"
	rump <<-END
		etfs /dev/disk $image blk
		fill rump /dev/disk 0 16m 1
		fill rump /dev/disk 12345 1000001 2
		fill rump /dev/disk 4m 3m 3 direct
		fsync /dev/disk
		host true
		check host $image 0 12345 1
		check host $image 12345 1000001 2
		check host $image 4m 3m 3
		check host $image 7m 9m 1
		fill host $image 8m 1m 9
		drop-caches
		check rump /dev/disk 8m 1m 9
		check rump /dev/disk 4m 3m 3
		check rump /dev/disk 9m 7m 1
	END
}

@test "a window: nothing outside of it is read or written" {
	truncate -s 8M "$image"
	rump <<-END
		fill host $image 0 8m 1
		etfs /dev/window $image blk 1048576 2m
		blk /dev/window
		fill rump /dev/window 0 2m 2
		!ENOSPC fill rump /dev/window 2m 4096 2
		fsync /dev/window
		check host $image 0 1m 1
		check host $image 3m 5m 1
	END
	# the pattern counts from the window's start
	rump <<<"fill host $PWD/want 0 2m 2"
	tail -c +1048577 "$image" | head -c 2097152 | cmp - want
}

@test "a window to the end, and windows that do not lie in the file" {
	truncate -s 1M "$image"
	run rump <<-END
		etfs /dev/a $image blk 4096
		blk /dev/a
		etfs-remove /dev/a
		!EINVAL etfs /dev/b $image blk 1m
		!EINVAL etfs /dev/b $image blk 512k 513k
		!ENOENT stat /dev/b
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"1044480 512 0"* ]]
	[[ $output == *"the window begins at 1048576, the file ends at 1048576"* ]]
}

@test "empty, odd, missing and unfit images are clear errors" {
	: >empty
	head -c 100 /dev/zero >short
	head -c 1000 /dev/zero >odd
	run rump <<-END
		!EINVAL etfs /dev/a $PWD/empty blk
		!EINVAL etfs /dev/a $PWD/short blk
		!ENOENT etfs /dev/a $PWD/none blk
		!EISDIR etfs /dev/a $PWD blk
		!EINVAL etfs /dev/a /dev/null blk
		etfs /dev/a $PWD/odd blk
		blk /dev/a
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"/empty: empty image"* ]]
	[[ $output == *"/short: shorter than one sector"* ]]
	[[ $output == *"/none: no such file"* ]]
	[[ $output == *"512 512 0"* ]]
}

@test "sector sizes" {
	truncate -s 16M "$image"
	/sbin/mke2fs -q -t ext4 -b 4096 -F "$image"
	run rump <<-END
		conf drive /dev/d $image sector=4096
		blk /dev/d
		mkdir /m
		mount ext4 /dev/d /m
		write rump /m/x y
		umount /m
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"16777216 4096 0"* ]]
	check_ext4 "$image"
}

@test "read-only: by option, and because the host says so" {
	make_ext4 "$image" 16
	cp "$image" before
	run rump <<-END
		conf drive /dev/d $image ro
		blk /dev/d
		!EPERM fill rump /dev/d 0 4096 1
		mkdir /m
		mount ext4 /dev/d /m		# falls back to read-only, as mount(8)
		!EROFS write rump /m/x y
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"16777216 512 1"* ]]
	cmp "$image" before

	chmod 444 "$image"
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	if [ "$(id -u)" = 0 ]; then
		open_libraries "$BATS_FILE_TMPDIR/lib"
		run setpriv --reuid=65534 --regid=65534 --clear-groups \
			env LD_LIBRARY_PATH="$BATS_FILE_TMPDIR/lib" \
			timeout -k 5 60 "$PROGRAMS/rumpsh" <<-END
				etfs /dev/d $image blk
				blk /dev/d
				!EPERM fill rump /dev/d 0 4096 1
			END
	else
		run rump <<-END
			etfs /dev/d $image blk
			blk /dev/d
			!EPERM fill rump /dev/d 0 4096 1
		END
	fi
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"16777216 512 1"* ]]
	cmp "$image" before
}

@test "an image is locked against other kernels, with a clear word" {
	make_ext4 "$image" 16
	mkfifo in
	"$PROGRAMS/rumpsh" <in >first 2>&1 &
	local first=$!
	exec 9>in
	printf 'etfs /dev/d %s blk\nprint ready\n' "$image" >&9
	for _ in $(seq 600); do grep -q ready first && break; sleep 0.1; done
	run rump <<-END
		!EBUSY etfs /dev/d $image blk
	END
	echo "$output"
	[[ $output == *"disk.img: in use by another kernel (locked by pid $first)"* ]]
	run rump <<-END
		conf drive /dev/d $image
		!EBUSY init
	END
	echo "$output"
	[[ $output == *"in use by another kernel (locked by pid $first)"* ]]
	# readers do not mind
	rump <<-END
		conf drive /dev/d $image ro
		init
	END
	exec 9>&-
	wait "$first"
	rump <<<"etfs /dev/d $image blk"
}

@test "one image twice in one kernel: the second is refused" {
	truncate -s 1M "$image"
	rump <<-END
		etfs /dev/a $image blk
		!EBUSY etfs /dev/b $image blk
		etfs-remove /dev/a
		etfs /dev/b $image blk
	END
}

@test "removing: EBUSY while open or mounted, gone afterwards" {
	make_ext4 "$image" 16
	rump <<-END
		etfs /dev/d $image blk
		mkdir /m
		mount ext4 /dev/d /m
		!EBUSY etfs-remove /dev/d
		umount /m
		hold /dev/d
		!EBUSY etfs-remove /dev/d
		release
		etfs-remove /dev/d
		!ENOENT stat /dev/d
		!ENOENT etfs-remove /dev/d
		!ENOENT stat /dev/rda
		etfs /dev/d $image blk
		etfs-remove /dev/d
	END
	check_ext4 "$image"
}

@test "discard makes holes, zeroes read as zeroes" {
	truncate -s 8M "$image"
	rump <<-END
		etfs /dev/d $image blk
		fill rump /dev/d 0 8m 1
		fsync /dev/d
		discard /dev/d 1m 2m
		zeroout /dev/d 5m 1m
		zeroout /dev/d 6147k 1k
		check rump /dev/d 0 1m 1
		check rump /dev/d 3m 2m 1
		fsync /dev/d
	END
	[ "$(data_bytes "$image")" -le $((6 << 20)) ]
	cmp -n $((2 << 20)) -i $((1 << 20)):0 "$image" /dev/zero
	cmp -n $((1 << 20)) -i $((5 << 20)):0 "$image" /dev/zero
	cmp -n 1024 -i $((6147 << 10)):0 "$image" /dev/zero
	rump <<-END
		check host $image 0 1m 1
		check host $image 3m 2m 1
		check host $image 6m 3k 1
		check host $image 6148k 1996k 1
	END
}

@test "fsync reaches the host as a flush, and O_DSYNC on the device as FUA or a flush" {
	truncate -s 8M "$image"
	cat >script <<-END
		etfs /dev/d $image blk
		fill rump /dev/d 0 64k 1
		host echo before >&2
		fsync /dev/d
		host echo after >&2
		fill rump /dev/d 0 4096 2 sync
		host echo end >&2
	END
	strace -f -o trace -e trace=fdatasync,pwritev2,pwritev,write,execve \
		timeout -k 5 60 "$PROGRAMS/rumpsh" <script
	sed -n '/"before/,/"after/p' trace | grep -q 'fdatasync(.*= 0'
	sed -n '/"after/,/"end/p' trace | grep -Eq 'fdatasync\(.*= 0|RWF_DSYNC'
}

@test "an image that became shorter is an I/O error, not zeroes" {
	truncate -s 8M "$image"
	rump <<-END
		etfs /dev/d $image blk
		fill rump /dev/d 0 8m 1
		fsync /dev/d
		drop-caches
		host truncate -s 4M $image
		check rump /dev/d 0 4m 1
		!EIO check rump /dev/d 4m 4m 1
		check rump /dev/d 0 4m 1
	END
}

@test "a host that stands still does not fail requests" {
	truncate -s 64M "$image"
	mkfifo in
	"$PROGRAMS/rumpsh" <in >out 2>&1 &
	local pid=$! round
	exec 9>in
	{
		echo "etfs /dev/d $image blk"
		echo "patch rump /sys/block/rda/queue/io_timeout 0 1000"
		echo "print ready"
		for round in $(seq 40); do echo "fill rump /dev/d 0 64m $round direct"; done
		echo "check rump /dev/d 0 64m 40"
	} >&9
	exec 9>&-
	for _ in $(seq 600); do grep -q ready out && break; sleep 0.1; done
	kill -STOP "$pid"
	[ "$(wc -l <out)" = 1 ]		# still at work
	sleep 3
	kill -CONT "$pid"
	wait "$pid" || { cat out; false; }
	rump <<<"check host $image 0 64m 40"
}

@test "partitions" {
	truncate -s 16M "$image"
	# one entry of an MBR: type 83, sectors 2048 to 10239
	printf '\0\0\0\0\x83\0\0\0\x00\x08\0\0\x00\x20\0\0' |
		dd of="$image" bs=1 seek=446 conv=notrunc status=none
	printf '\x55\xaa' | dd of="$image" bs=1 seek=510 conv=notrunc status=none
	run rump <<-END
		etfs /dev/d $image blk
		blk /dev/rda1
		fill rump /dev/rda1 0 4m 7
		fsync /dev/rda1
	END
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"4194304 512 0"* ]]
	rump <<<"fill host $PWD/want 0 4m 7"
	tail -c +1048577 "$image" | head -c 4194304 | cmp - want
}

@test "the file system on a disk is found by looking" {
	local modules=$RUMP_BUILD/rumpkernel/rump/modules
	[ -e "$modules/modules.index" ] || skip "this build has no modules.index"
	make_ext4 "$image" 16
	RUMP_MODULES=$modules rump <<-END
		etfs /dev/d $image blk
		mkdir /m
		mount - /dev/d /m
		write rump /m/x y
		umount /m
		zeroout /dev/d 0 64k
		!ENODEV mount - /dev/d /m
	END
}

@test "many disks have names" {
	local i
	for i in $(seq 30); do truncate -s 64K "d$i"; echo "etfs /dev/disk$i $PWD/d$i blk"; done >script
	echo "ls /sys/block" >>script
	run rump <script
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^rd' <<<"$output")" -eq 30 ]
	grep -qx rdz <<<"$output"
	grep -qx rdad <<<"$output"
}

@test "the older name for a block device" {
	truncate -s 1M "$image"
	rump <<-END
		fakeblk $image
		fill rump $image 0 64k 3
		fsync $image
		check host $image 0 64k 3
		fakeblk-remove $image
		!ENOENT stat $image
	END
}

@test "large I/O with verified data while other threads go on: 1, 2 and 4 vCPUs" {
	local cpus
	for cpus in 1 2 4; do
		make_ext4 "$image" 256
		RUMP_NCPU=$cpus timeout -k 5 100 "$PROGRAMS/diskbusy" "$image" 64
		check_ext4 "$image"
	done
}

@test "a host that does not answer holds up nobody but who asked" {
	[ "$(id -u)" = 0 ] || skip "needs root to freeze a file system"
	make_ext4 outer.img 64
	mkdir outer
	mount -o loop outer.img outer || skip "no loop devices on this host"
	local cpus status=0
	for cpus in 1 2; do
		truncate -s 4M outer/disk.img
		RUMP_NCPU=$cpus timeout -k 5 60 "$PROGRAMS/frozen" "$PWD/outer/disk.img" \
			"fsfreeze -f $PWD/outer" "fsfreeze -u $PWD/outer" || status=$?
	done
	fsfreeze -u outer 2>/dev/null || true
	umount outer
	[ "$status" -eq 0 ]
}

@test "more data than memory" {
	make_ext4 "$image" 512
	RUMP_MEMLIMIT=48m RUMP_NCPU=2 LIMIT=100 rump <<-END
		etfs /dev/d $image blk
		mkdir /m
		mount ext4 /dev/d /m
		fill rump /m/a 0 200m 1
		fill rump /m/b 0 100m 2 fsync
		check rump /m/a 0 200m 1
		check rump /m/b 0 100m 2
		umount /m
	END
	check_ext4 "$image"
}

@test "a block device of the host" {
	[ "$(id -u)" = 0 ] || skip "needs root to set up a loop device"
	make_ext4 "$image" 16
	loop=$(losetup -f --show "$image") || skip "no loop devices on this host"
	run rump <<-END
		etfs /dev/d $loop blk
		blk /dev/d
		mkdir /m
		mount ext4 /dev/d /m
		fill rump /m/x 0 1m 4
		umount /m
	END
	losetup -d "$loop"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"16777216 512 0"* ]]
	check_ext4 "$image"
	/sbin/debugfs -R "dump /x $PWD/x" "$image"
	rump <<<"check host $PWD/x 0 1m 4"
}
