#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# coreutils on /rump and on the host: see differential.bash.

load lib
load differential

@test "ls, dir, vdir: kinds, orders, formats" {
	differ <<-'END'
		mkdir d; echo one >f; seq 1000 >g; ln -s f l; ln -s nowhere broken; mkfifo p
		ln f hard; touch -d @1000000000 f d l; touch -hd @1100000000 l broken
		chmod 4711 g; chmod 2755 d; touch .hidden '-n' 'a b' $'new\nline' 'q"q'
		touch -d @1200000000 g p .hidden ./-n a* n* q*
		ls; ls -a; ls -A; ls -1 --group-directories-first; ls -m; ls -x -w 40
		ls -C -w 40
		ls -ln --time-style=full-iso f g l p d broken; ls -L f l; ls -L broken; ls -d */
		ls -t f g l; ls -S f g; ls -r; ls -U f g; ls -X; ls -v; ls -F; ls -p; ls -Q
		ls -b; ls -q
		ls --color=always; ls -R .; ls -H l; ls --hide='*' ; ls -l none f
		ls -nd --time-style=+%s .hidden $D/f $D/d; dir; vdir -n --time-style=+%s f
		ls $D/*; ls -Z f; ls --zero; ls --author -n --full-time g
		ls -lc --sort=none -d f | wc -l
	END
}

@test "cp: -r, -a, -l, -s, -u, -n, -i, --parents, --backup, -T, -t" {
	differ <<-'END'
		mkdir -p a/b/c; echo 1 >a/f; seq 100 >a/b/g; ln -s f a/l; ln a/f a/b/hard
		mkfifo a/p
		touch -d @1000000000 a/f a/b/g; chmod 640 a/f; chown 12:34 a/b/g
		touch -hd @1100000000 a/l
		touch -d @1300000000 a a/b a/b/c a/p
		cp -r a r1; cp -a a r2; cp -R -P a r3; cp -rL a/l r4; cp -al a r5
		cp -rs $D/a r6
		cp -dR --preserve=links a r7; cp -a --no-preserve=mode,ownership a r8
		cp -rv a/b r9 | sort; cp --parents a/b/g .; mkdir t; cp --parents a/b/g t
		cp -t t a/f a/b/g
		cp a/f new; cp -b a/b/g new; cp --backup=numbered a/f new; cp -S .old -b a/f new
		touch -d @900000000 older; cp -u a/f older; cp -uv older a/f; echo changed >n
		cp -n a/f n
		echo y | cp -i a/f n; cp a none/; cp a/f a/f; mkdir self; echo 1 >self/f; cp -r self self/sub; cp a x; cp none y
		cp -T a/f q
		cp -rT a t2; cp --remove-destination a/f a/l; cp -f a/f n
		cp --attributes-only a/b/g attr
		cp -x -a a xa; cp a/p pp & sleep 0.1; echo text >a/p; wait
		cp --strip-trailing-slashes a/f/ s
	END
}

@test "cp: sparse files, reflink, attributes, large files, devices" {
	differ <<-'END'
		truncate -s 3M s; printf end >>s
		printf x | dd of=s bs=1 seek=1000000 conv=notrunc status=none
		cp --sparse=always s s1; cp --sparse=never s s2; cp --sparse=auto s s3
		sync s s1 s2 s3; [ $(stat -c %b s2) -gt $(stat -c %b s) ] && echo dense
		[ $(stat -c %b s1) -le $(stat -c %b s) ] && [ $(stat -c %b s3) -le $(stat -c %b s) ] && echo sparse
		cmp s s1; cmp s s2; cmp s s3; cp --reflink=always s s4; cp --reflink=auto s s5
		cmp s s5
		setfattr -n user.one -v 1 s
		setfattr -n user.two -v "$(head -c 900 /dev/zero | tr '\0' x)" s
		cp --preserve=xattr s s6; cp --preserve=all s s7; getfattr -d s s6 s7 | md5sum
		head -c 8000000 /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 >big
		cp big big2; cmp big big2
		cp /usr/bin/bash $D/sh; cmp sh /usr/bin/bash; cp sh $HOST/sh; cmp $HOST/sh sh
		./sh -c 'echo runs'
		mknod n c 1 3; cp -a n n2; mknod b b 7 200; cp -a b b2
		stat -c '%F %t %T' n n2 b b2; cp n n3; ls
	END
}

@test "mv" {
	differ <<-'END'
		mkdir a b; echo 1 >a/f; echo 2 >g; ln -s f a/l; mv a/f h; mv h b; mv b c
		mv g c/b; ls -R
		echo 3 >x; echo 4 >y; mv -n x y; cat y; mv -b x y; cat y y~; mv y~ x
		mv --backup=t x y; ls
		mv -v y z; mv -t a z; mv -T a aa; mkdir full empty; touch full/f; mv -T aa full
		mv -T aa empty
		mv full full/sub; mv none x; touch -d @1 u; touch -d @2 v; mv -u u v; ls
		mv -u v u; ls
		echo n | mv -i u c/f; mv u "$HOST/out"; ls; mv "$HOST/out" back
		mkdir -p deep/er; echo d >deep/er/f
		ln deep/er/f deep/f; chmod 700 deep; touch -d @1000 deep/er deep/er/f deep
		mv deep "$HOST/"; ls "$HOST"
		mv "$HOST/deep" again; stat -c '%n %h %a %Y' again/er again/f again; mv . x
		mv again/.. x; mv c/ cc/
		mv --exchange x y 2>/dev/null || echo no exchange; mv c/f ../nowhere/else; ls -R
	END
}

@test "ln, link, unlink, readlink, realpath" {
	differ <<-'END'
		echo 1 >f; mkdir d; ln f h; ln -s f s; ln -s d ds; ln -s ../f d/up
		ln -s loop loop; ln -s $D/d abs
		ln -sf h s; ln -sfn f ds; ln -s d ds2; ln -sr f d/rel; ln -sv d/../f v; ln f d
		ln f h; ln d dh
		ln -L s hl; ln -P s hp; ln -b f h; ln -t d s; ln -T f d; ln none x; ln "$HOST" x
		link f k; link f k; unlink k; unlink k; unlink d; stat -c '%n %h' f h
		readlink s ds v loop abs out; readlink f; readlink -f s d/up d/rel loop abs
		readlink -e none; readlink -m none/x
		readlink -n s; echo; readlink -z s | tr '\0' '!'; realpath s d/up .. . abs loop
		realpath -s d/../s
		realpath --relative-to=d f; realpath --relative-base=$D f /etc/passwd
		realpath -m none/a/../b; realpath -e none
		realpath -L d/../f; realpath -P ds2/../f; cd ds2; realpath .; pwd; pwd -P
		/bin/pwd; /bin/pwd -L
	END
}

@test "rm, rmdir, mkdir, mkfifo, mknod, mktemp" {
	differ <<-'END'
		mkdir -p a/b/c x/y; mkdir -m 700 m; mkdir -v m2; mkdir a; mkdir none/d
		mkdir -pm 711 p/q; umask 077; mkdir um; touch uf
		umask 022; touch a/f a/b/g x/y/h; ln -s a la; ln -s a/f lf; rmdir x
		rmdir -p p/q; rmdir --ignore-fail-on-non-empty x
		rmdir m m2 lf; rm a; rm -d a; rm -d um; rm la/; rm -rf la/; ls a; rm -r la
		rm -v lf; rm none; rm -f none; rm -ri a </dev/null
		echo y | rm -i uf; rm -r a x; rm -rf .; rm -rf ..; rm -rf -- -x; touch -- -x
		rm -x; rm -- -x; rm -r --one-file-system .git none
		mkdir ro; touch ro/f; chmod 555 ro; rm -r ro; mkfifo p1; mkfifo p2; mkfifo p1
		mknod n p; mknod c c 1 3; mknod c c 1 3
		mknod b b 1 2; mknod x z; echo lost >c; stat -c '%F %a' p1 p2 n c b
		mktemp -p . --suffix=.x abcXXXX >t; wc -c <t
		mktemp -d dirXXXXXX >t; [ -d "$(cat t)" ] && stat -c %a "$(cat t)"
		mktemp -u uXXXXX | wc -c; mktemp bad; TMPDIR=$D mktemp -t zXXX | grep -c "^$D"
		rm -r dir* abc* z* t; for i in $(seq 300); do echo $i >f$i; done; rm f1*
		ls | wc -l; rm -rf f*; mkdir -p $(printf 'd/%.0s' $(seq 200)); rm -r d; ls
	END
}

@test "chmod, chown, chgrp, touch, install, umask" {
	differ <<-'END'
		touch f g; mkdir -p d/e; touch d/h; ln -s f l; chmod 600 f; chmod u+x,go-w,o=r f
		stat -c %a f; chmod -v a+X d f; chmod +t d; chmod g+s d
		chmod -R u=rwX,go=rX d; chmod --reference=f g; chmod 4755 f; chmod l=r f
		chmod 9 f; chmod u+s none; chmod -c 644 f; chmod -R 700 d; chmod 0 g; cat g
		stat -c '%n %a %A' f g d d/e d/h l; chown 5:6 f; chown 7 g; chown :8 g
		chown -h 9:9 l; chown -R 10:11 d; chown --reference=f g; chown --from=5 12 f
		chown -v nobody:nogroup f; chown nosuchuser f; chgrp 13 f; chgrp -hR 14 d l
		chgrp -v games g; stat -c '%n %u:%g %U:%G' f g d d/e d/h l
		chmod 6755 f; chown 1:1 f; stat -c %a f; touch -d '2001-02-03 04:05:06.789' f
		touch -a -d @100 f; touch -m -d @200 f; touch -r f g
		touch -t 200001020304.05 d; touch -h -d @5 l; touch -c none; touch none/x
		touch -d bad f; stat -c '%n %x %y' f g d l; touch $D/abs; touch d/
		install -m 640 -o 3 -g 4 f i1; install -d -m 750 -o 5 i2/i3
		install -D f i4/i5/f; install -p -t i2 f g; install -b f i1
		install -C -m 640 -o 3 -g 4 f i1
		install -v -s /usr/bin/true i6 2>&1 | head -1; install none x
		install --preserve-timestamps f i7; stat -c '%n %a %u:%g %Y' i2/f i7
		stat -c '%n %a %u:%g' i1 i2 i2/i3 i4/i5/f
	END
}

# what dd says of time
_without_rates() {
	sed 's/ copied, .*//'
}

@test "dd: blocks, seeks, conversions, flags" {
	filter=_without_rates differ <<-'END'
		seq 10000 >in; dd if=in of=a bs=1 count=2000
		dd if=in of=b bs=512 skip=3 seek=2 count=5; dd if=in of=c bs=7 conv=sync count=3
		dd if=in of=d conv=ucase,swab count=1; printf aaa >e
		printf b | dd of=e conv=notrunc bs=1 seek=1; cat e; echo
		dd if=in of=f conv=excl; dd if=in of=f conv=excl
		dd if=in of=none conv=nocreat
		dd if=in of=i oflag=append conv=notrunc
		dd if=in of=i oflag=append conv=notrunc; stat -c %s i
		dd if=in of=j bs=1k conv=fsync,fdatasync; dd if=in of=k oflag=sync,dsync bs=8k
		dd of=l seek=1M bs=1 count=0 if=/dev/null
		stat -c %s l; dd if=in of=m conv=sparse bs=4k; dd if=l of=m2 conv=sparse bs=64k
		stat -c '%s' m2; dd if=. of=x
		dd if=in iflag=skip_bytes,count_bytes skip=5 count=20 of=n; cat n
		dd if=in oflag=seek_bytes seek=7 of=o bs=1k count=1
		cat in | dd of=p iflag=fullblock bs=64k; dd if=in of=q conv=block cbs=10 count=2
		dd if=in of=r ibs=10 obs=100
		dd if=in bs=100 count=1 status=none | cat; dd if=in iflag=nofollow of=/dev/null
		ln -s in s
		dd if=s iflag=nofollow of=t; dd if=in iflag=directory of=t
		dd if=in of=u bs=1M oflag=nonblock,noctty
		dd if=in of=v iflag=nocache oflag=nocache
		exec 5<>in
		dd bs=1 skip=2 count=3 <&5 2>/dev/null; cat <&5 | head -c 10
	END
}

@test "dd and shred with O_DIRECT" {
	filter=_without_rates differ <<-'END'
		seq 10000 >in; dd if=/dev/zero of=g bs=4096 count=8 oflag=direct
		dd if=g of=h bs=4096 iflag=direct; cmp g h; dd if=in of=w bs=512 oflag=direct
		cp w $HOST/w; dd if=w of=$HOST/x bs=4k iflag=direct; cmp w $HOST/x
		dd if=in of=v bs=1M oflag=direct; cmp in v; dd if=in of=u bs=100 oflag=direct
		dd if=in of=t bs=4k iflag=direct oflag=direct; cmp in t; dd if=w bs=3 iflag=direct
		seq 50000 >s; shred -n 2 s; stat -c %s s; shred -z -n 0 s; tr -d '\0' <s | wc -c
		shred -u s; ls
	END
}

@test "truncate, split, csplit, shred, fallocate, sync" {
	differ <<-'END'
		truncate -s 10 a; truncate -s +5 a; truncate -s -3 a; truncate -s '<5' a
		truncate -s '%8' a; truncate -r a b; truncate -c -s 3 none; truncate -s 1G huge
		truncate -o -s 2 blocks; stat -c '%n %s' a b huge blocks; truncate -s 3 .
		truncate -s x a; seq 100 >in; split -l 30 in l-; split -b 50 in b-
		split -n 3 in n-
		split -n l/3 in nl-; split -d -a 3 -l 40 in d-
		split --filter='cat >$FILE.out' -l 50 in f-; split -C 64 in c-
		split -n r/2 in r-; split --additional-suffix=.x -l 60 in x-
		cat in | split -l 70 - p-; csplit in 10 /5/ '{2}'
		csplit -f cs -n 3 -k in /nothing/; csplit -z -s in '/^2/' '{*}'
		csplit -b %d.txt in 50; seq 1000 >s; shred s; stat -c %s s
		shred -n 1 -z s; tr -d '\0' <s | wc -c; shred -u s; shred -x -s 100 -n 1 a; rm a
		fallocate -l 1M fa; stat -c '%s %b' fa; fallocate -n -l 2M -o 0 fa
		stat -c '%s' fa
		fallocate -p -o 0 -l 64K fa; seq 20000 >fb; md5sum fb
		fallocate -c -o 4096 -l 4096 fb; md5sum fb; fallocate -i -o 4096 -l 8192 fb
		md5sum fb; fallocate -z -o 100 -l 5000 fb; md5sum fb
		fallocate -d fb; md5sum fb; sync in; sync -d in; sync none
		fallocate -l 1 .; stat -c %s fb
	END
}

@test "sort, join, comm, uniq, cut, paste, shuf, tac, tsort, nl, fmt, pr, fold, expand, ptx" {
	differ <<-'END'
		seq 3000 | sort -R --random-source=/usr/bin/bash >r; sort -n r -o r; md5sum r
		sort -T $D -S 10k --parallel=2 r | md5sum; ls; sort -u -k1.1,1.1 r; sort -c r
		sort -m r r | uniq -c | md5sum
		sort none; sort -o none/x r; sort -z r | tr '\0' ' ' | md5sum
		sort --files0-from=<(printf 'r\0r\0') | wc; seq 1 5 >a; seq 3 7 >b; join a b
		join -v 1 a b; join -a2 a b; comm a b; comm -12 a b
		uniq -c a out; cat out; uniq -d b; cut -c1 a; paste a b; paste -s a
		paste -d, - - <a; shuf --random-source=/usr/bin/bash a
		shuf -n 2 -o sh --random-source=/usr/bin/bash a; cat sh; tac a; tac a b
		cat a | tac; tac -s 3 a; printf 'a b\nb c\n' >t; tsort t; tsort none; nl a
		nl -ba -w2 t; fmt -w 20 r | head -5; pr -l 20 -h head a | sed 's/^20[^h]*//'
		fold -w 2 r | tail -1; expand t; unexpand -a t; ptx t
		head -n 2 a b; head -c 3 a; head -n -3 a; head -q a b; tail -n 2 a; tail -n +4 a
		tail -c 3 a b; cat a | tail -n 1; wc a b none; wc -L r
		wc --files0-from=<(printf 'a\0b\0'); cat -A t; cat -n a b; cat a - b <t
		cat none; cat .; cat a >>a; cat <a >a2; cat a2 >>$D/a2; tee x y <a
		tee -a x <b | cat; cat x; tee none/x <a; tee . <a; od -c a
		od -An -tx1 -j 2 -N 4 a; hexdump -C b; xxd a; column -c 20 a; rev a
		numfmt --to=iec <r | tail -1
	END
}

@test "checksums, base64, cmp, test, stat, wc" {
	differ <<-'END'
		seq 5000 >f; ln -s f l; mkdir d; mkfifo p
		for c in cksum sum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum; do $c f none
		$c <f; done; cksum -a sm3 f
		md5sum f l >m; md5sum -c m; echo x >>f; md5sum -c m; md5sum --quiet -c m
		sha256sum -b f >s; sha256sum --status -c s; sha1sum --tag f; md5sum . 
		base64 f | md5sum; base64 f >b; base64 -d b | cmp - f; base32 m
		basenc --base16 m
		cmp f l; cmp f m; cmp -l m s | head -3; cmp -n 3 f f; cmp -i 2 f f; cmp f none
		touch -d @10 old; touch -d @20 new
		for t in -e -f -d -L -p -S -b -c -r -w -x -s -g -u -k -O -G -N; do for n in f l d p none $D $D/f; do [ $t $n ] && echo "[ $t $n"
		/usr/bin/test $t $n && echo "test $t $n"; done; done
		[ new -nt old ] && echo newer; [ old -ot new ] && echo older
		[ f -ef l ] && echo same; /usr/bin/[ f -ef ./f ]; echo $?; [ f -ef m ]; echo $?
		test -nt; test -t 0; echo $?
		stat -c '%n %N %F %s %a %A %h %u %g %t %T %o %B %f' f l d p; stat -L -c %F l
		stat none; stat -c %m f | wc -l; stat --printf='%s\n' $D/f; stat -c %y old
		stat -t old | cut -d' ' -f2,3,4,5,6; stat -f -c '%T %S %s %l' .
		stat -c %F - </dev/null
		pathchk f; pathchk -p 'a b'; pathchk f/x; pathchk $(printf 'n%.0s' {1..256})
		pathchk -P ''; basename $D/f; dirname d/f; touch $(printf 'n%.0s' {1..255})
		touch $(printf 'n%.0s' {1..256}) 2>&1 | tail -c 20
	END
}

@test "df and du" {
	host_is_ext4 || skip_or_fail "an ext4 to compare with"
	differ <<-'END'
		mkdir -p a/b; seq 10000 >a/f; seq 20000 >a/b/g; truncate -s 5M sparse
		fallocate -l 100K fa; sync a/f a/b/g sparse fa; ln -s a l
		for o in '' -a -s -sb -c -l -h -S -0 --inodes '-d 1' '-a -t 100K' --exclude=b '-c a a/b'; do echo "du $o"
		du $o | tr '\0' '\n' | sort; done
		du --apparent-size -k sparse; du -k sparse; du -D l; du -L a; du none
		du -x $D/a | sort
		du --files0-from=<(printf 'a\0fa\0'); du --time --time-style=+%Y fa | cut -f1,3
		ls -s; ls -sh a; find . -printf '%b %k %s %p\n' | sort
		mkdir links; seq 9000 >links/a; ln links/a links/b; du -s links; du -sl links
		df --output=fstype .; df -T . | awk 'NR > 1 { print $2 }'; df none
		df -P $D | wc -l; df --total . | wc -l
		[ $(df --output=avail . | tail -1) -gt 1000 ]; df a/f fa | wc -l
		stat -c '%b %B %o' fa sparse a
	END
}

@test "timeout, nohup, stdbuf, env, nice, setsid, chroot, tee with a lost reader" {
	differ <<-'END'
		echo text >f; mkdir d; timeout 50 cat f; timeout 0.1 sleep 5; echo $?
		timeout -s KILL 0.1 sleep 5; echo $?; timeout --preserve-status 0.1 sleep 5
		echo $?; timeout 50 sh -c 'cat $D/f; exit 7'; echo $?
		nohup cat f >out 2>&1; cat out; nohup sh -c 'echo $1; cat' sh here <f >>out 2>&1
		cat out; stdbuf -oL cat f | cat; stdbuf -o0 head -c 2 f; env -C d pwd
		env -C d sh -c 'echo in >x'; env -C none pwd; env -u HOME cat f
		nice -n 5 cat f; nice -n 5 nice; ionice -c 3 cat f; chrt -b 0 cat f
		setsid -w cat f; setsid sh -c 'echo later >g'; sleep 0.3; cat g
		flock f echo locked; flock -n f -c 'flock -n f echo twice || echo busy'
		exec 9>lock; flock 9; flock -n lock echo no; echo $?; flock -u 9
		flock -n lock echo yes
		setpriv --reuid=1000 --clear-groups sh -c 'id -u; cat f; touch $D/mine; echo $?'
		chmod 777 .
		setpriv --reuid=1000 --clear-groups sh -c 'touch mine; mkdir mine.d; chmod 600 f; rm f'
		stat -c '%n %u:%g' mine mine.d; ls
		yes | head -n 3 | tee t1 t2; seq 100000 | tee t3 | head -n 1; rm t3
		echo text >f; tail -n 1 t1; seen() { until grep -qs "$1" "$2"; do sleep 0.1; done; }
		tail -f f >seen1 & seen text seen1; echo more >>f; seen more seen1; kill $!; wait
		tail -F f >seen2 2>&1 & seen more seen2; mv f f2; seen inaccessible seen2
		echo new >f; seen new$ seen2; kill $!; wait
		sed -i "/cannot watch/d" seen2; cat seen1 seen2
		prlimit --nofile=20 cat f; xargs -a f echo; mountpoint d; mountpoint -q d
		echo $?
	END
}

@test "setpriv: users, groups and capabilities given up stay given up in the next program" {
	differ <<-'END'
		echo text >f; echo secret >s; chmod 600 s; chmod 777 .
		user='setpriv --reuid=1000 --regid=1000 --clear-groups'
		$user sh -c 'touch mine; mkdir mine.d; chmod 600 f; rm f; cat s; id -u'
		$user --ambient-caps -all sh -c 'cat s; chown 0 mine; echo x >mine'
		setpriv --reuid=1000 --init-groups sh -c 'cat s; touch g'
		chown 5 s; without='--bounding-set -dac_override,-dac_read_search'
		setpriv $without --inh-caps -dac_override sh -c 'cat s'
		setpriv --reuid=1000 --inh-caps +dac_override --ambient-caps +dac_override cat s
		stat -c '%n %u:%g' *
	END
}

@test "links with absolute targets, to /rump and to the host" {
	differ <<-'END'
		seq 5 >f; ln -s $D/f l; cat l; ln -s $D d; cat d/f; ls d/; cp l c; cat $D/d/d/l
		ln -s /etc/passwd p; head -c 5 p
		ln -s /bin/echo e; ./e hi; find -L . -maxdepth 1 | sort; stat -L -c %s l
		realpath d/l l | sed "s,$D,D,"; cd d; pwd | sed "s,$D,D,"
		pwd -P | sed "s,$D,D,"
		ln -s $HOST/x out; echo x >$HOST/x; cat out
		ln -s ../../../../../../../../../../../../etc/passwd up; head -c 4 up
		mkdir real; echo x >real/f; ln -s real rel; cat rel/none/../f; ln -s loop loop
		mv none loop/x; cat rel/../f loop/../f
	END
}
