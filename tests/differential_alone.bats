#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs that are the first and only ones to use their kernel, by absolute paths and across
# the border, on /rump and on the host: see differential.bash.

load lib
load differential

setup_file() {
	begin_differential
	shared_tree
}

@test "copies in, about and out: cp, mv, install, dd, ln, rsync" {
	differ_alone <<-'END'
		cp -a $SHARED/tree $D/a
		cp -a $D/a $D/b
		cp -al $D/a $D/c
		cp -a $D/b $HOST/out
		diff -r --no-dereference -x fifo -x null $D/b $HOST/out
		mv $D/b/a $D/moved
		mv $D/moved $HOST/moved
		mv $HOST/moved $D/again
		mv -v $D/none $D/x
		ln -s a/hello $D/link
		ln $D/a/hello $D/hard
		cp $D/link $HOST/file
		cp -d $D/link $HOST/link
		install -m 600 $HOST/file $D/installed
		dd if=$D/a/a/big of=$D/dd bs=10000 skip=2 seek=1 status=none
		dd if=$D/a/a/big of=$HOST/dd bs=1 count=500 status=none
		cmp -n 500 $D/a/a/big $HOST/dd
		rsync -a --delete $D/a/ $D/sync
		rsync -aH --out-format=%n $D/sync/a/ $HOST/sync
		rm -r $D/b $D/sync
		rm -r $D/none
		ls -A $D $HOST
	END
}

@test "readers and writers: cat, sort, tee, sed -i, split, truncate, checksums" {
	differ_alone <<-'END'
		cp $SHARED/tree/a/big $D/big
		sort -rn -T $D -S 100k -o $D/sorted $D/big
		head -n 2 $D/sorted $D/big
		tail -n 1 $D/sorted
		tail -c 100000 $D/big | md5sum
		cat $D/big - $HOST/none | md5sum
		sh -c 'tac $0/sorted | cmp - $0/big' $D
		shuf --random-source=$D/big -n 3 $D/big
		split -n 4 -d $D/big $D/part.
		md5sum $D/part.00 $D/part.03 $D/none
		tee $D/t1 $HOST/t2
		sed -i s/9/nine/g $D/big
		sed -n '$p' $D/big
		awk -v o=$D/out '{ s += $1; print $1 > (o s % 2) } END { print s }' $D/sorted
		wc $D/out0 $D/out1
		truncate -s 100 $D/out0
		fallocate -p -l 4096 $D/out1
		sha256sum $D/out0 $D/out1
		grep -c 77 $D/sorted $D/big
		comm -3 $D/part.00 $D/part.00
		paste -d, $D/out0 $D/out0
		od -An -c -N 20 $D/out0
		base64 -w 0 $D/out0
		sync $D/big
		stat -c '%s %h %a' $D/big $D/out0
		test -s $D/out0
		[ $D/big -nt $D/none ]
		wc -c $D/part.01 $D/part.02 $D/part.03
	END
}

@test "walkers: find, tar, cpio, du, chmod -R, chown -R, ls -R" {
	differ_alone <<-'END'
		tar -C $SHARED -cf $D/in.tar --sort=name tree
		tar -C $D -xpf $D/in.tar
		tar -C $D -czf $HOST/out.tgz --sort=name tree
		tar -tf $HOST/out.tgz
		tar -xOf $D/in.tar tree/hello
		rm $D/in.tar
		find $D -type f -size +1 -printf '%P %s\n' | sort
		find $D -name deep -exec cat {} + -exec rm {} \;
		find $D/tree/a -depth -name 'b' -prune -o -print | sort
		find $D/tree -name empty -delete
		sh -c 'find $0 -type f -print0 | sort -z | xargs -0 sha256sum | wc -l' $D
		chmod -R o-rwx $D/tree
		chown -R 11:12 $D/tree/a
		ls -lnR --time-style=+ $D/tree | sort
		du -s --apparent-size $D/tree/a/big
		bsdtar -C $D -cf $D/b.tar tree/a
		bsdtar -tf $D/b.tar | sort
		rm $D/b.tar
		grep -rl 4999 $D/tree
		zip -qr $HOST/z.zip $D/tree/a/b
		unzip -qo $HOST/z.zip -d $HOST/unzipped
		file -b $D/tree/hello $D/tree/a $D/tree/symlink
		getfattr -d $D/tree/hello
		realpath $D/tree/symlink $D/tree/a/.. $D/none
		rm -rf $D/tree/many $D/tree/a
	END
}

@test "interpreters and editors: perl, python, sed, vim, ed, bc, gawk" {
	differ_alone <<-'END'
		perl -e 'open F, ">", "$ARGV[0]/f"; print F "$_\n" for 1 .. 100; close F; system "wc", "-l", "$ARGV[0]/f"' $D
		perl -i.bak -pe 's/1/one/' $D/f
		perl -MFile::Find -e 'find(sub { print "$_\n" if -f }, @ARGV)' $D/f $D/f.bak
		python3 -c 'import os, sys, shutil, subprocess; d = sys.argv[1]; os.mkdir(d + "/p"); shutil.copy2(d + "/f", d + "/p"); print(subprocess.run(["tail", "-n1", d + "/p/f"], capture_output=True).stdout); os.chdir(d + "/p"); print(os.listdir(".")); subprocess.run("cat f | head -n 1; pwd | wc -l", shell=True)' $D
		vim -N -u NONE -i NONE -es -c '%s/one/ONE/e' -c wq $D/f
		ex -u NONE -i NONE -s -c '1d|x' $D/f
		head -n 3 $D/f
		gawk -i inplace '{ print NR, $0 }' $D/f
		mawk 'END { print NR }' $D/f
		bash -c 'cd $0 && echo $PWD && exec cat f' $D | tail -n 1
		bash -c 'exec 3<>$0/rw; echo x >&3; cat $0/rw; (echo y >&3); cat $0/rw' $D
		dash -c 'cd $0; for f in *; do echo $f; done >list; cat list' $D
		busybox sh -c 'cd $0; ls | while read f; do echo "<$f>"; done' $D
		env -C $D pwd
		timeout 50 sh -c 'cd $0/p && cat f | md5sum' $D
		xargs -a $D/list -n 2 echo
		openssl dgst -md5 $D/f
		gzip -k $D/f
		zcat $D/f.gz | wc -l
		xz -T 2 -k $D/f.bak
		bash -c 'cmp <(xz -dc $0.xz) $0' $D/f.bak
		rm $D/f.gz $D/f.bak.xz
	END
}
