#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Shell scripts of bash and dash whose processes share a rump kernel: in the first of them, in
# a private server, in a rump_server.  What a script prints and how it ends is compared with
# the same script in a folder of the host.
# timeout: 900

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" bash dash
}

setup() {
	limit=120
	socket=
}

teardown() {
	end_kernels
}

# on each kernel, by each shell: as on the host
scripts() {
	on_each_kernel same_script "$@"
}

@test "the first line of the manual" {
	# what it prints is known; all other scripts are compared with the host's
	manual() {
		[ "$(client bash -c 'echo hi >/rump/tmp/f; cat /rump/tmp/f | tr h j; (cd /rump/tmp && ls)')" = ji$'\n'f ]
		[ "$(client dash -c 'echo hi >/rump/tmp/g; cat /rump/tmp/g | tr h j; cat /rump/tmp/g')" = ji$'\n'hi ]
		[ ! -e /rump ]
	}
	on_each_kernel manual
}

@test "pipelines" {
	# shellcheck disable=SC2016 -- the shell under test expands it
	scripts '
		printf "b\na\nb\n" >$D/f
		cat $D/f | sort | uniq -c | tr -s " "
		cat $D/f | cat | cat | cat >$D/g; cat $D/g
		seq 100000 >$D/big
		sort -n $D/big | md5sum; sort -rn <$D/big | head -n 1; cat $D/big | wc -l
		{ echo one; echo two >&2; } 2>&1 | cat >$D/both; cat $D/both
		cat $D/f | while read -r line; do echo "got $line"; done
		cat $D/none | cat; echo $?
		yes | head -n 3 >$D/three; cat $D/three
		! grep -q c $D/f; echo $?'
}

@test "redirections: > >> <> 2>&1 exec, closing, inheriting" {
	scripts '
		echo one >$D/f; echo two >>$D/f; cat <$D/f
		echo ONE 1<>$D/f; cat $D/f
		exec 3<>$D/f; read -r l <&3; echo "read $l"; echo three >&3; exec 3>&-; cat $D/f
		exec 4>$D/out 5>&4; echo four >&4; exec 4>&-; sh -c "echo five >&5"; exec 5>&-; cat $D/out
		(exec >$D/sub 2>&1; echo to sub; ls $D/none); wc -l <$D/sub
		ls $D/none 2>$D/err; wc -l <$D/err; ls $D/none >$D/e2 2>&1; wc -l <$D/e2
		exec 6<$D/f; sh -c "cat <&6"; cat <&6; exec 6<&-; (cat <&6) 2>/dev/null; echo $?
		set -C; (echo no >$D/f) 2>/dev/null; echo $?; echo yes >|$D/f; cat $D/f
		for i in 1 2 3 4; do sh -c "echo $i" >>$D/log; done; cat $D/log
		{ echo a; sh -c "echo b"; echo c; } >$D/group; cat $D/group
		exec 7>$D/shared; echo 1 >&7; (echo 2 >&7; sh -c "echo 3 >&7"); echo 4 >&7; cat $D/shared
		: >$D/f; [ -s $D/f ]; echo $?'
}

@test "here-documents and here-strings" {
	scripts '
		x=value
		cat <<END >$D/f
a $x $(echo command)
END
		cat $D/f
		cat >$D/g <<"END"
raw $x
END
		cat $D/g; sh <<END
echo from here; cat $D/f
END
		while read -r a b; do echo "$b/$a"; done <<END
1 2
3 4
END
		{ cat; cat $D/g; } <<END
before
END
		seq 20000 >$D/big; cat <<END | md5sum
$(cat $D/big)
END'
	scripts 'cat <<<"one line" >$D/f; cat $D/f - <<<more; read -r a b <<<"$(<$D/f)"; echo "$b $a"' bash
}

@test "subshells: directory, umask, variables, options" {
	scripts '
		umask 022; mkdir $D/d; touch $D/d/f
		(cd $D/d && ls && pwd); (umask 077; echo x >$D/secret; sh -c "touch $D/secret2")
		stat -c "%a %n" $D/secret $D/secret2 $D/d/f
		cd $D; ls; sh -c pwd; /bin/pwd; sh -c "cd d; ls; /bin/pwd"; pwd; cat secret
		(cd d; (cd ..; ls); ls); cd d; cd ..; ls -d ./d/../d
		x=1; (x=2; echo $x >f); cat f; echo $x
		umask 027; (sh -c "umask; mkdir made; stat -c %a made"); cd /; (cd $D && cat f); pwd'
}

@test "background jobs and wait" {
	scripts '
		pids=
		for i in 1 2 3 4 5 6 7 8; do
			(echo $i >$D/b$i; exit $i) & pids="$pids $!"
		done
		for p in $pids; do wait $p; echo $?; done
		cat $D/b*
		sleep 0.2 && echo late >$D/late & wait; cat $D/late
		(cat $D/b1; sleep 0.1; cat $D/b2) >$D/out & cat $D/b3; wait $!; cat $D/out
		sleep 30 >$D/x & kill $!; wait $!; echo $?
		(exec sleep 30 <$D/b1) & kill -9 $!; wait $!; echo $?'
}

@test "command and process substitution" {
	scripts '
		echo one >$D/f; x=$(cat $D/f); echo "$x"; echo "$(cat $D/f) $(ls $D)"
		y=$(echo $(cat $D/f) $(cd $D; ls)); echo "$y"; n=$(ls $D | wc -l); echo $n
		z=$(echo new >$D/g); cat $D/g; echo `cat $D/g`; e=$(cat $D/none 2>&1); echo $? "$e"
		: $(exit 3); echo "$(exit 4)" $?; v=$(exit 5); echo $?'
	scripts '
		seq 9 >$D/a; seq 2 10 >$D/b; echo $(<$D/a); diff <(cat $D/a) <(cat $D/b)
		paste <(cut -c1 $D/a) <(sort -r $D/b); cat $D/a > >(tac >$D/c); until [ -s $D/c ]; do sleep 0.1; done; cat $D/c
		mapfile -t lines <$D/a; echo ${#lines[@]} ${lines[3]}
		coproc { while read -r l; do echo "co $l"; done; }
		echo x >&"${COPROC[1]}"; read -r l <&"${COPROC[0]}"; echo "$l" >$D/co; cat $D/co' bash
}

@test "exit statuses, signals, traps" {
	scripts '
		(exit 7); echo $?; sh -c "exit 9"; echo $?; cat $D/none 2>/dev/null; echo $?
		sh -c "echo x >$D/f; kill -TERM \$\$"; echo $?; sh -c "cat $D/f; kill -KILL \$\$"; echo $?
		(trap "echo term; cat $D/f; exit 3" TERM; sh -c "kill -TERM \$PPID"; sleep 5); echo $?
		(trap "echo bye >>$D/t" EXIT; echo in) ; cat $D/t
		sh -c "trap \"cat $D/f; exit 4\" USR1; kill -USR1 \$\$; sleep 5"; echo $?
		sh -c "trap \"\" PIPE; cat $D/f"; /no/such/program 2>/dev/null; echo $?
		trap "echo end; cat $D/f" EXIT; exit 3'
	# the end of the first process
	scripts 'echo x >$D/f; exit 42'
	scripts 'echo x >$D/f; (sleep 1) & exit 43'
	scripts 'echo x >$D/f; kill -TERM $$; sleep 1'
	scripts 'echo x >$D/f; kill -KILL $$; sleep 1'
	scripts 'echo x >$D/f; kill -QUIT $$; sleep 1'
}

@test "exec in the first process" {
	scripts 'echo x >$D/a; exec cat $D/a'
	scripts 'exec cat $D/none 2>&1'
	scripts 'echo x >$D/a; exec sh -c "cat $D/a; exit 7"'
	scripts 'echo x >$D/a; exec sh -c "cat $D/a; kill -TERM \$\$"'
	scripts 'echo x >$D/a; exec sh -c "cat $D/a; kill -SEGV \$\$"'
	scripts 'exec 5>$D/a 6<>$D/b; echo one >&6; exec sh -c "echo five >&5; echo two >&6; exec cat $D/a $D/b"'
	scripts 'cd $D; umask 077; exec sh -c "touch f; stat -c %a f; /bin/pwd; exec ls"'
	scripts 'echo x >$D/a; exec /no/such/program' dash
	scripts 'echo x >$D/a; (exec /no/such/program) 2>/dev/null; echo $?; cat $D/a'
	scripts 'echo x >$D/a; exec >$D/out; echo y; exec sh -c "echo z; exec cat $D/a $D/out >&2"'
}

@test "a child touches the kernel first" {
	scripts '/bin/echo hi >$D/f; cat $D/f'
	scripts '(echo hi >$D/f); cat $D/f'
	scripts 'sh -c "echo hi >$D/f"; sh -c "cat $D/f"; cat $D/f; (cat $D/f | tr h j)'
	scripts 'echo x | cat >$D/f; cat $D/f'
	scripts '(echo 1 >$D/a) & (echo 2 >$D/b) & (echo 3 >$D/c) & wait; cat $D/a $D/b $D/c'
	scripts 'exec sh -c "cat /dev/null; /bin/echo hi >$D/f; exec cat $D/f"'
}

@test "the parent ends before its child" {
	# a local kernel's process outlives what it has executed: told after its end
	filter=sort
	scripts '
		(sleep 0.5; echo late >$D/x; cat $D/x) &
		echo early >$D/y; cat $D/y'
	scripts 'sh -c "(sleep 0.5; echo late >$D/x; cat $D/x) &"; echo early >$D/y; cat $D/y'
	scripts 'echo a >$D/y; (sleep 0.5; cat $D/y) & exec cat $D/y'
	scripts '(sleep 0.5; until [ -s $D/y ]; do sleep 0.1; done; cat $D/y) & echo a >$D/y; exit 3'
}

@test "a local kernel that outlives its program says so, once, and the data is there" {
	RUMP_TEST_KERNEL=local
	require mke2fs e2fsck debugfs
	make_image ext4 "$T/disk" 16m
	run tagged rump_with "path=/rump,image=$(escape_word "$T/disk")" \
		bash -c 'echo now >/rump/a; (sleep 1; echo later >/rump/b) & exit 5'
	echo "$output"
	[ "$status" = 5 ]
	[ "$(grep -cE '^rumphijack: rump kernel: process [0-9]+ waits for (its children|[12] process)' <<<"$output")" = 1 ]
	[ ${#lines[@]} = 1 ]
	none_left
	check_image ext4 "$T/disk"
	[ "$(debugfs -R 'cat /b' "$T/disk" 2>/dev/null)" = later ]
}

@test "nested shells" {
	scripts '
		echo 0 >$D/n; level() { echo "$1" >>$D/n; }; level 1
		sh -c "echo 2 >>$D/n; bash -c \"echo 3 >>$D/n; sh -c \\\"echo 4 >>$D/n; exec cat $D/n\\\"\""
		n=0; cat >$D/nest <<"END"
n=$1; echo $n >>$D/deep; [ $n = 12 ] || sh $D/nest $((n + 1)); [ $n != 12 ] || cat $D/deep
END
		sh $D/nest 1'
}

@test "programs and scripts that lie in the rump kernel" {
	scripts '
		printf "#!/bin/sh\necho \"\$0: \$*\"; cat $D/f\n" >$D/script; echo text >$D/f
		. $D/script; sh $D/script a b; chmod +x $D/script; $D/script c d
		cp /bin/echo $D/e; $D/e hello; (cd $D; ./e again; ./script x)
		chmod -x $D/e; $D/e no 2>/dev/null; echo $?
		printf "#!$D/e -n\n" >$D/s2; chmod +x $D/s2 $D/e; $D/s2 | tr -d "\n"'
}

@test "fifos in the rump kernel" {
	scripts '
		mkfifo $D/p; cat $D/p & echo hello >$D/p; wait
		(seq 1000 >$D/p) & sort -rn <$D/p | md5sum; wait
		cat <$D/p >$D/copy & pid=$!; exec 3>$D/p; echo a >&3; sh -c "echo b >&3"; exec 3>&-
		wait $pid; echo $?; cat $D/copy
		(while read -r l; do echo "got $l"; done <$D/p) & { echo 1; echo 2; } >$D/p; wait'
}

@test "locks between processes" {
	require flock
	scripts '
		echo 0 >$D/n
		for i in 1 2 3 4 5 6 7 8 9 10; do
			flock $D/lock sh -c "n=\$(cat $D/n); echo \$((n + 1)) >$D/n" &
		done
		wait; cat $D/n
		mkfifo $D/locked $D/go
		(flock 9; echo >$D/locked; read -r l <$D/go; echo first >>$D/order) 9>$D/lock &
		read -r l <$D/locked; flock -n $D/lock true; echo $?
		flock $D/lock sh -c "echo second >>$D/order" & echo >$D/go; wait; cat $D/order
		flock -s $D/lock flock -s -n $D/lock echo shared'
}

@test "stopped and continued" {
	scripts '
		mkfifo $D/p; (while read -r l; do echo "got $l"; done <$D/p >$D/out) & pid=$!
		exec 3>$D/p; echo one >&3; until [ -s $D/out ]; do sleep 0.1; done
		kill -STOP $pid; echo two >&3; sleep 0.2; cat $D/out
		kill -CONT $pid; sleep 0.2; echo three >&3; exec 3>&-; wait $pid; cat $D/out'
	# the first process, with a child that goes on: not where the kernel stops with it
	KERNELS=${KERNELS/local/} scripts '
		echo x >$D/f; me=$$
		(until grep -q "^State:.T" /proc/$me/status; do sleep 0.1; done; cat $D/f >&2; kill -CONT $me) &
		kill -STOP $me; wait; cat $D/f'
	scripts '
		set -m; (while :; do date >$D/t; sleep 0.05; done) &
		until [ -s $D/t ]; do sleep 0.1; done
		kill -TSTP %1; until jobs -s | grep -q .; do sleep 0.1; done; sleep 0.3; cp $D/t $D/a; sleep 0.3; cmp $D/t $D/a; echo $?
		kill -CONT %1; sleep 0.3; kill %1; wait %1; echo $?' bash
}

@test "200 children at once" {
	scripts '
		i=0; while [ $i -lt 200 ]; do i=$((i + 1)); (echo $i >>$D/log; cat $D/log >/dev/null) & done
		wait; sort -n $D/log | md5sum; wc -l <$D/log'
}

@test "xargs -P, find -exec and -execdir" {
	scripts '
		mkdir -p $D/a/b $D/c; for f in 1 2 3 4; do echo $f >$D/a/b/$f; echo c$f >$D/c/$f; done
		seq 100 | xargs -P 4 -n 7 echo >>$D/x; tr " " "\n" <$D/x | sort -n | md5sum; rm $D/x
		seq 40 | xargs -P 8 -I % sh -c "echo % >$D/c/f-%"; cat $D/c/f-* | sort -n | md5sum
		find $D -type f | sort | xargs cat | md5sum; find $D -type f -print0 | sort -z | xargs -0 md5sum
		find $D/a -type f -name 3 -exec cat {} \; ; find $D/c -type f -exec cat {} + | sort | md5sum
		find $D/a -type f -execdir ls -d {} \; | sort; find $D/a -name 4 -execdir sh -c "/bin/pwd; cat 3" \;
		find $D/c -name "f-1*" -exec rm {} + ; ls $D/c; find $D -depth -mindepth 1 -delete; ls -A $D'
}

@test "children have the descriptors that are open, and no others that programs count on" {
	scripts '
		fds() { ls /proc/self/fd | grep -x "[0-9]\{1,2\}" | tr "\n" " "; echo "$1"; }
		fds start; exec 5>$D/f; fds five; (fds in a subshell); sh -c "echo x >&5"; exec 5>&-; fds closed
		sh -c "ls /proc/self/fd | grep -x \"[0-9]\{1,2\}\"; cat $D/f"; exec 6<$D/f 7<&6; fds six
		(exec 6<&-; fds less; cat <&7)'
}
