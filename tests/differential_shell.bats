#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Shell scripts whose files and folder are on /rump, and on the host: see differential.bash.

load lib
load differential

# in_shells <SCRIPT: what both shells know
in_shells() {
	local shell
	cat >"$T/in"
	for shell in bash dash "busybox sh"; do
		echo "$shell"
		# shellcheck disable=SC2086 -- a command with its argument
		differ $shell <"$T/in"
	done
}

@test "redirections" {
	in_shells <<-'END'
		echo one >f; echo two >>f; cat <f; echo three 1<>f; cat f; cat <f >g 2>err
		cat none >g 2>err; cat err
		{ echo out; echo err >&2; } >both 2>&1; cat both; { echo out; echo err >&2
		} 2>&1 >o | cat; cat o
		exec 3>f; echo a >&3; echo b >&3; exec 4>&3 3>&-; echo c >&4; exec 4>&-; cat f
		exec 3<f; read x <&3; read y <&3
		echo $x $y; cat <&3; exec 3<&-; exec 5<>f; read x <&5; echo $x; echo X >&5
		exec 5>&-; cat f; : >f; wc -c <f
		exec 6>>f; echo 1 >&6; echo 2 >>f; echo 3 >&6; cat f; set -C; echo no >f
		echo yes >|f; echo new >n; set +C; cat f n
		echo x >none/y; echo $?; cat <none || echo missing; cat <<E >h
		here $x $(cat f)
		E
		cat h; cat <<'E' | cat - h
		no $x
		E
		cat <<-E
			tabs $((1 + 2))
		E
		while read l; do echo "got $l"; done <h; for i in 1 2 3; do echo $i; done >loop
		cat loop; (echo sub; exit 3) >s; echo $?; cat s
		if read l; then echo "$l"; fi <loop; f() { echo in $1; echo err >&2; }
		f x >fn 2>&1; cat fn; exec 7>&1 >saved; echo hidden; exec >&7 7>&-
		cat saved; { cat; echo end; } <loop | tail -n 2; cat 0<loop; echo $(cat <loop)
		cat </dev/null; echo to null >/dev/null; cat <f <loop; >trunc
		ls -l trunc | wc -l
		exec 8<loop; (read a <&8; echo $a); read b <&8; echo $b; exec 8<&-; echo err >&9
		echo $?; 2>&- ls none; echo closed >&-; echo $?; true 3>x 4>y; ls x y
		umask 077; echo u >um; umask 022; stat -c %a um; umask; echo $D/* | wc -w
		cat $D/f; . ./h 2>/dev/null; echo 'v=sourced; return 4' >src; . ./src
		echo $? $v; sh ./src; echo $v
	END
}

@test "pipes, background jobs, wait, traps, subshells" {
	in_shells <<-'END'
		seq 100 | grep 7 | sort -r | head -n 3 | tee p | wc -l; cat p
		seq 1000 | while read x; do echo $x; done | tail -n 1; (until [ -s log ]; do sleep 0.1
		done; echo late >>log) & echo early >>log; wait; cat log
		for i in 1 2 3 4 5; do (echo $i >part$i) & done; wait; cat part*
		sleep 5 & kill $!; wait $!; echo $?; (exit 7) & wait $!; echo $?
		sh -c 'kill -TERM $$'; echo $?; trap 'echo trapped >>t' USR1; kill -USR1 $$
		cat t
		trap 'echo bye >>exit; cat exit' EXIT; (trap 'echo sub >>exit' EXIT; true)
		trap '' TERM; sh -c 'kill -TERM $PPID'; echo alive; mkfifo ff
		(echo through >ff) & cat ff; wait; cat ff & echo again >ff; wait; exec 3<>ff
		echo self >&3; read x <&3; echo $x; exec 3>&-
		yes | head -n 1; (echo a; echo b) | { read x; read y; echo $y $x; }
		echo $(echo nested $(cat p | wc -l)); ( cd /; pwd ); pwd | sed "s,$D,D,"
		{ sleep 0.1; echo x; } >bg & wait; cat bg; ! true; echo $?
		true && false || echo or; set -e; false || true; echo on; set +e; (set -e; false
		echo never); echo $?
		eval 'echo evaluated >ev'; cat ev; sh -c 'echo $0 $1 >args' zero one; cat args
		echo 'echo script $1 $#' >sc; chmod +x sc; ./sc a b; sh sc c
		printf '#!/bin/sh\necho hashbang "$@"\n' >hb; chmod +x hb; ./hb 1 2; $D/hb 3
		PATH=$D:$PATH; hb 4; command -v hb | sed "s,$D,D,"; mkdir bin
		printf '#!/bin/cat\nline\n' >bin/c; chmod +x bin/c; bin/c; chmod -x bin/c; bin/c
		echo $?; ./none; echo $?; ./bin; echo $?; printf '#!/none/x\n' >bad
		chmod +x bad; ./bad; echo $?; exec sh -c 'echo replaced; cat p; exit 9'
	END
}

@test "cd, pwd, globs, tests, cdpath" {
	in_shells <<-'END'
		mkdir -p a/b/c 'sp ace' .hid; ln -s a/b link
		touch a/f1 a/f2 a/b/g 'sp ace/x' .hid/h; cd a; pwd | sed "s,$D,D,"; cd b/c
		cd ../..; pwd | sed "s,$D,D,"; cd ../link; pwd | sed "s,$D,D,"
		pwd -P | sed "s,$D,D,"; ls; cd ..; ls; cd -P link; pwd | sed "s,$D,D,"; cd ..
		pwd | sed "s,$D,D,"; ls; cd $D; cd - >/dev/null; pwd | sed "s,$D,D,"
		cd "$D/sp ace"; ls; cd; cd $D; CDPATH=$D/a; cd b | sed "s,$D,D,"; unset CDPATH
		cd none; echo $?; cd a/f1; echo $?; cd /; ls -d $D/a | sed "s,$D,D,"; cd ./
		cd "$D"; cd ''; cd . ; ls
		echo *; echo */; echo .*; echo a/*; echo a/f?; echo a/[!f]*; echo */*
		echo "$D"/*/b/* | sed "s,$D,D,g"; echo none*; set -- *; echo $#
		for f in a/*; do [ -f $f ] && echo file $f; [ -d $f ] && echo dir $f; done
		[ -L link ] && [ -h link ] && [ -d link ] && [ -e link/g ] && echo link
		[ -s a/f1 ] || echo empty; [ -r a ] && [ -w a ] && [ -x a ] && echo rwx
		case a/f1 in a/*) echo match;; esac; mkdir gone; cd gone; rmdir ../gone
		pwd | sed "s,$D,D,"; ls; echo x >y; cd ..; cd $D; ls -A; rm -r a/b; cd link
		cd "$D" && (cd a && rm f1 && ls); test -e a/f1 || echo removed
		mkdir -p up/down; cd up/down; ls "$D/up/down/../" .. ../..; cat ../../a/../a/f2
		ls -d ~+ | wc -l
	END
}

@test "bash's own: process substitution, coproc, job control, arrays, mapfile, read -t" {
	differ <<-'END'
		diff <(seq 3) <(seq 4); cat <(echo a) <(echo b)
		tee >(cat >c1) >(wc -l >c2) <<<$'x\ny' >/dev/null; until [ -s c1 ] && [ -s c2 ]; do sleep 0.1; done; cat c1 c2
		while read -r l; do n=$l; done < <(seq 5); echo $n; coproc cat
		echo to >&${COPROC[1]}; read -r x <&${COPROC[0]}; echo $x
		eval "exec ${COPROC[1]}>&-"; wait
		coproc W { while read l; do echo "<$l>" | tee -a clog; done; }; echo q >&${W[1]}
		read -r x <&${W[0]}; echo "$x"; eval "exec ${W[1]}>&-"; wait; cat clog
		seq 10 >f; echo "$(<f)" | tail -1; mapfile -t m <f; echo ${#m[@]} ${m[3]}
		read -r -N 3 x <f; printf '%q\n' "$x"; read -t 0.1 x <f; echo $x; read -t 0 <f
		echo $?; mkfifo ff; exec {fd}<>ff; read -t 0.1 -u $fd x; echo $(($? > 128))
		echo in >&$fd; read -t 50 -u $fd x; echo $x; exec {fd}>&-; exec {a}<f {b}>g
		read -u $a x; echo $x >&$b; cat <&$a >&$b; exec {a}<&- {b}>&-; wc -l g
		(exec -a other sh -c 'echo $0 >name'); cat name; exec 3<f 4<&3-; read x <&4
		echo $x; exec 4<&-; cat &>all f none; cat all; cat none &>>all; wc -l all
		cat f |& tail -1; echo ${PIPESTATUS[@]}; false | true; echo ${PIPESTATUS[@]}
		set -o pipefail; false | true; echo $?; set +o pipefail
		for i in {1..8}; do { sleep 0.0$i
		echo $i >>order; } & done; wait; sort -o order order; tr -d '\n' <order; echo
		trap 'echo chld >>ch' CHLD; true & wait; trap - CHLD; cat ch | head -1
		ulimit -f 1; head -c 3000 /dev/zero >big; echo $?; stat -c %s big; ulimit -n 20
		exec 19<f; read -u 19 x; echo $x; exec 20<f; echo $?
		shopt -s extglob globstar nullglob; mkdir -p d/e; touch d/{a,b}.c d/e/{c,d}.h
		echo d/**/*.h; echo d/!(a*); echo d/+(a|b).c; echo none*
		pushd d >/dev/null; pushd e >/dev/null; dirs -p | sed "s,$D,D,"
		popd >/dev/null; popd >/dev/null; cd -L d/e/..; pwd | sed "s,$D,D,"; cd -P .
		cd ..; [[ f -nt none && -f f && ! -d f && f -ef ./f ]] && echo tests
		printf 'a\0b\0' >z; mapfile -d '' -t z <z; echo ${z[1]}; compgen -G 'd/*' | sort
		source <(echo 'echo sourced')
		. /dev/stdin <<<'echo stdin'; bash f 2>&1 | head -1 | cut -c1-3; bash -n f
		bash --norc -i -c 'echo interactive' 2>/dev/null
		env bash -c 'echo $BASHPID >pid'; [ -s pid ] && rm pid; enable -n echo
		echo external >ext; cat ext; hash -r; type -t cat; exec 2>err; none_such
		cat err | sed 's/.*: //'; printf %s "$BASH_SUBSHELL" >sub
		( ( printf %s "$BASH_SUBSHELL" >>sub ) ); cat sub; kill -9 $BASHPID
	END
}

@test "bash's job control" {
	differ <<-'END'
		seq 10 >f
		set -m; sleep 1 & jobs; fg %1 >/dev/null; (sleep 5; echo never) & kill %1
		wait %1; echo $?; sleep 0.3 & p=$!; kill -STOP $p
		until jobs -s | grep -q .; do sleep 0.1; done; jobs -s | cut -c1-15; bg %1 >/dev/null; wait $p; echo $?; cat f >bg & wait -n
		echo $?; cat bg | wc -l; disown -a; set +m
	END
}

@test "descriptors: many, high, inherited, over exec, on both sides" {
	differ <<-'END'
		seq 5 >f; seq 6 9 >$HOST/h; for i in {20..60}; do eval "exec $i<f"; done
		read -u 40 x; echo $x
		bash -c 'read -u 40 y; echo $y; exec 41<&40; read -u 41 z; echo $z'
		read -u 40 x; echo $x; for i in {20..60}; do eval "exec $i<&-"; done; exec 200<f
		cat <&200; exec 200<&-; exec 3<f 4<$HOST/h; cat <&3 <&4; exec 3<&4; cat <&3
		exec 3<f; exec 4<&3; read -u 4 x; read -u 3 y; echo $x $y; exec 3<$HOST/h 4<&-
		read -u 3 x; echo $x; exec 3<f; read -u 3 x; echo $x; exec 3<&-
		cat f - $HOST/h <f | md5sum; cat $HOST/h >out; cat f >$HOST/out
		cat out $HOST/out; cp $HOST/h . && mv h $HOST/h2; cat $HOST/h2; cmp f $HOST/out
		exec 5>o1 6>$HOST/o2; echo b >&5; echo b >&6
		exec 5>&- 6>&-; cat o1 $HOST/o2; sh -c 'exec 0<f; exec cat'
		sh -c 'exec 0<&-; cat'; sh -c 'exec >f2; echo hidden; exec ls f'; cat f2
		echo x >/dev/stdout; echo y >/dev/stderr
		exec 9>lock; flock 9; (flock -n lock echo no || echo busy); exec 9>&-
		flock -n lock echo yes; setsid -w cat f | tail -n 1
		timeout 50 cat <f | tail -n 1
		ls $HOST
	END
}

@test "the names of descriptors: /dev/stdin, /dev/fd, /proc/self/fd, /proc/self/cwd" {
	differ <<-'END'
		seq 5 >f; exec 5>o1 6>$HOST/o2; echo a | tee /dev/fd/5 /dev/fd/6; echo b >&5
		exec 5>&- 6>&-; cat o1 $HOST/o2
		cat /dev/stdin <f; cat /proc/self/fd/0 <f; head -c 2 /dev/fd/0 <f
		sh -c 'echo to >/dev/stdout' >so; cat so
		exec 7<f; cat /dev/fd/7; cat /proc/self/fd/7 | wc -l; cat <&7; exec 7<&-
		mkdir d; touch d/x; cd d; ls /proc/self/cwd/
		readlink /proc/self/cwd | sed "s,$D,D,"
		mkfifo -m 600 p2; mknod -m 640 p3 p; stat -c %a p2 p3
		exec 8<../f; readlink /proc/self/fd/8; ls -l /dev/fd/8 | sed 's/.*->//'
		stat -L -c '%s %F' /dev/fd/8
	END
}

@test "busybox applets" {
	differ busybox sh <<-'END'
		alias b=busybox; busybox mkdir -p a/b; busybox seq 300 >a/f; busybox cp -a a c
		busybox ln -s f a/l; busybox ls -l a/l | busybox wc -l
		busybox find . | busybox sort; busybox tar -czf t.tgz a; rm -rf a
		busybox tar -xzf t.tgz; busybox tar -tzf t.tgz | busybox sort
		busybox cat a/f | busybox grep 29 | busybox sed s/2/x/ | busybox awk '{ print $1 "!" }'
		busybox sed -i s/3/three/ a/f; busybox head -n 3 a/f; busybox tail -n 1 a/f
		busybox dd if=a/f of=d bs=10 count=3 2>/dev/null; busybox cat d
		busybox cmp d a/f; busybox diff -r a c | busybox head -n 5; busybox md5sum a/f
		busybox sha256sum a/f; busybox gzip d; busybox zcat d.gz; busybox gunzip d.gz
		busybox bzip2 -k d; busybox bzcat d.bz2; busybox xz -k d 2>/dev/null
		busybox du -s c >/dev/null; busybox stat -c '%s %a' d
		busybox touch -d '2001-01-01 00:00:00' d; busybox stat -c %Y d
		busybox chmod 600 d
		busybox chown 1:2 d; busybox cp d i; busybox mv i j; busybox rm d
		busybox test -x j && busybox echo x
		busybox mktemp -p . xXXXXXX | busybox wc -c; rm x*
		busybox readlink -f a/l | busybox sed "s,$D,D,"
		busybox realpath a/l | busybox wc -l; busybox od -c j | busybox head -n 1
		busybox hexdump -C j | busybox head -n 1; busybox xargs -n 1 busybox echo <j
		busybox cpio -o -H newc <j 2>/dev/null | busybox wc -c
		echo c/f | busybox cpio -o -H newc >o.cpio 2>/dev/null
		busybox cpio -t <o.cpio 2>/dev/null; busybox patch --help >/dev/null 2>&1
		busybox truncate -s 5 j; busybox wc -c j
		busybox ls s-*
		busybox sort -r a/f | busybox uniq | busybox tee k | busybox cut -c1 | busybox head -n 1
		busybox vi -h 2>/dev/null; busybox rmdir none
		
		busybox timeout 1 busybox sleep 5; echo $?; busybox env -i busybox echo clean
		busybox mkfifo p; busybox echo through >p & busybox cat p; wait
		busybox which ls >/dev/null; busybox dos2unix k; busybox unix2dos k
		busybox wc -c k; busybox base64 k | busybox md5sum
		busybox unzip -h >/dev/null 2>&1; busybox rm -r a c *.tgz *.cpio; busybox ls
	END
}
