#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs that work with processes of their own, on local, private and common kernels: as on
# the host.
# timeout: 900

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM"
	export TREE=$BATS_FILE_TMPDIR/tree
	make_tree "$TREE"
}

setup() {
	limit=150
	socket=
}

teardown() {
	end_kernels
}

scripts() {
	on_each_kernel same_script "$@"
}

@test "tar with a compressor as its child, in and out" {
	there_and_back() {
		rm -rf "$T/back"
		mkdir "$T/back"
		client bash -c 'set -e
			mkdir -p /rump/tmp/out; tar -C "$1" -czf /rump/tmp/x.tgz .
			gzip -t /rump/tmp/x.tgz; tar -tzf /rump/tmp/x.tgz | wc -l
			tar -C /rump/tmp/out -xzf /rump/tmp/x.tgz; rm /rump/tmp/x.tgz
			tar -C /rump/tmp/out -cf - . | tar -C "$2" -xf -; rm -r /rump/tmp/out' \
			bash "$TREE" "$T/back"
		same_tree "$TREE" "$T/back"
	}
	on_each_kernel there_and_back
	scripts '
		mkdir $D/d; seq 1000 >$D/d/a; seq 2000 >$D/d/b
		cd $D; for z in z j J; do tar c${z}f x.tar d && tar x${z}Of x.tar | md5sum; done
		gzip -k d/a; xz -k d/a; zcat d/a.gz | cmp - d/a; xzcat d/a.xz | cmp - d/a; ls d'
}

@test "cp -a and mv between two folders of the kernel, and across" {
	across() {
		rm -rf "$T/back"
		client bash -c 'set -e
			cp -a "$1" /rump/tmp/one; cp -a /rump/tmp/one /rump/tmp/two; rm -r /rump/tmp/one
			(cd /rump/tmp && mv two three && cp -a three "$2"); rm -r /rump/tmp/three' \
			bash "$TREE" "$T/back"
		same_tree "$TREE" "$T/back"
	}
	on_each_kernel across
}

@test "rsync -a, which is three processes" {
	require rsync
	scripts '
		mkdir $D/a; seq 1000 >$D/a/one; ln -s one $D/a/link; mkdir $D/a/d; seq 3 >$D/a/d/two
		rsync -a $D/a/ $D/b; ls -R $D/b; cmp $D/a/one $D/b/one; readlink $D/b/link
		seq 1001 >$D/a/one; rm $D/a/d/two; rsync -rlc --delete --out-format=%n $D/a/ $D/b
		md5sum <$D/b/one; find $D/b -type f | wc -l' bash
}

@test "make -j4 of a small C project, whose program runs" {
	require make "${CC:-gcc}"
	scripts '
		mkdir $D/src; cd $D/src
		for n in 1 2 3 4 5 6 7 8; do echo "int f$n(void) { return $n; }" >f$n.c; done
		cat >main.c <<"END"
#include <stdio.h>
int f1(void), f2(void), f3(void), f4(void), f5(void), f6(void), f7(void), f8(void);
int main(void)
{
	printf("%d\n", f1() + f2() + f3() + f4() + f5() + f6() + f7() + f8());
	return 3;
}
END
		printf "objects = main.o f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o\nprog: \$(objects)\n\t@gcc -o \$@ \$(objects)\n%%.o: %%.c\n\t@gcc -O1 -c -o \$@ \$<\nclean:\n\t@rm -f \$(objects) prog\n" >Makefile
		make -s -j4; ls; ./prog; echo $?; touch f3.c; make -n | wc -l; make; make -s clean; ls
		make -s -j4 CFLAGS=-g prog; ./prog; echo "syntax error" >f2.c; make -s -j2 2>/dev/null; echo $?' bash
}

@test "git: init, commit, branch, merge, clone, gc" {
	require git
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_NAME=a \
		GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b \
		GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
	scripts '
		git init -q -b main $D/r; cd $D/r
		seq 100 >a; mkdir d; echo b >d/b; git add .; git commit -qm one; git log --oneline
		git checkout -qb topic; echo c >c; git add c; git commit -qm two; git checkout -q main
		sed -i 1d a; git commit -qam three; git merge -q --no-edit topic; git log --oneline --graph
		git status --short; git diff HEAD~1 --stat; cd ..; git clone -q r s; cd s; git log --oneline | wc -l; ls
		git gc -q; git fsck 2>&1 | tail -n 1; git grep -c 1; git stash list; git archive HEAD | tar t' bash
}

@test "sqlite3: two processes on one database" {
	require sqlite3
	scripts '
		sqlite3 $D/db "create table t (n integer); insert into t values (1), (2), (3);"
		sqlite3 $D/db "select sum(n) from t;"; ls $D
		for i in 1 2 3 4 5; do
			for j in 1 2 3 4; do
				echo "insert into t values ($i$j);"
			done | sqlite3 -cmd ".timeout 20000" $D/db &
		done; wait
		sqlite3 $D/db "select count(*), sum(n) from t; pragma integrity_check;"
		sqlite3 $D/db .dump | sqlite3 $D/copy; sqlite3 $D/copy "select count(*) from t"
		echo "begin; delete from t; select count(*) from t; rollback; select count(*) from t;" | sqlite3 $D/db' bash
}

@test "perl: open3, pipes, fork, system" {
	require perl
	# shellcheck disable=SC2016
	on_each_kernel same perl -e '
		use strict; use IPC::Open3; $| = 1; my $d = $ENV{D};
		my $pid = open3(my $in, my $out, undef, "sh", "-c", "tee $d/tee; cat $d/none 2>&1; exit 5");
		print $in "to the child\n"; close $in; print "from: $_" while <$out>; waitpid $pid, 0;
		print $? >> 8, "\n"; open my $f, "<", "$d/tee" or die; print <$f>; close $f;
		open my $p, "-|", "cat $d/tee; echo more" or die; print "pipe: $_" while <$p>; close $p;
		open my $w, "|-", "sort >$d/sorted" or die; print $w "b\na\n"; close $w; print `cat $d/sorted`;
		open my $o, ">", "$d/fork" or die; my @pids;
		for my $n (1 .. 5) {
			my $pid = fork; die unless defined $pid;
			if (!$pid) { syswrite $o, "child $n\n"; exit $n }
			push @pids, $pid;
		}
		for (@pids) { waitpid $_, 0; print $? >> 8, "\n" }
		close $o; print sort { $a cmp $b } `cat $d/fork`;
		print system("sh", "-c", "echo x >$d/s; kill -9 \$\$"), "\n"; print `cat $d/s`;
		chdir $d or die; print `ls`; exec "cat", "s" or die;'
}

@test "other programs that start programs" {
	scripts '
		seq 50 >$D/f; timeout 50 cat $D/f | md5sum; timeout 0.3 sleep 5 >$D/x; echo $?
		nice cat $D/f | tail -n 1; env -C $D cat f | tail -n 1; nohup cat $D/f 2>/dev/null | wc -l
		setsid -w sh -c "echo in $(: session) >$D/s"; cat $D/s; split -l 10 --filter="wc -l" $D/f
		sort -S 32k --parallel=2 -T $D -r $D/f | head -n 1; stdbuf -oL cat $D/f | wc -l
		find $D -type f | sort | xargs -n 1 wc -l | cut -d" " -f1; awk "BEGIN { while ((\"cat $D/f\" | getline l) > 0) n++; print n }"
		awk "{ print | \"sort -rn | head -n 2 >$D/awk\" }" $D/f; cat $D/awk
		sed "s/^/echo /e" $D/awk; vim.tiny -N -u NONE -es -c "%!sort -n" -c wq $D/awk; cat $D/awk' bash
}
