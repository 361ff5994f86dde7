#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# findutils, grep, sed, awk, diff and patch, editors, perl on /rump and on the host: see
# differential.bash.

load lib
load differential

setup_file() {
	begin_differential
	shared_tree
}

@test "find: tests, actions, -exec, -execdir, -delete, -printf" {
	differ <<-'END'
		cp -a $SHARED/tree t; find t | sort; find t -type f -size +10k | sort
		find t -name '*big*' -o -empty | sort
		find t -type l -printf '%p %l %Y %y\n' | sort; find t -perm -4000
		find t -perm /222 -type f | sort; find t -newer t/hello | wc -l
		touch -d @1700000000 n; find t -newer n; find n -newermt 2001-01-01
		find t -samefile t/hello | sort; find t -links 2 | sort
		find t -printf '%P %y %m %U:%G %n %s %k %b %d %F %l\n' | grep -v '^ d' | sort
		find t -maxdepth 1 -mindepth 1 -printf '%f %h %H\n' | sort
		find t -exec test -d {} \; -print | sort
		find t -type f -exec md5sum {} + | sort
		find t -name hello -execdir pwd \; -execdir cat {} \;
		find t -name deep -execdir ls {} +
		find t -path '*/b/*' -prune -o -type f -print | sort
		find $D/t -name big | sed "s,$D,D,"
		find -L t -xtype l | sort; find -H t/symlink; find t -lname hell*
		find t -inum $(stat -c %i t/hello) | sort; find t -uid 1234
		find t -user root -type d | wc -l; find t -nouser
		find t -regex '.*/[a-c]/.*' | sort; find t -iname HELLO; find t -depth | tail -1
		find t -mtime +1000 | wc -l
		find t -ls | awk '{ print $3, $4, $5, $6 }' | sort | head -5
		find t -fprint out -quit; cat out; find t -readable -writable -executable | sort
		find t -type f -name 'e*' -delete -print | sort; find t -empty -type d -delete
		find t | wc -l; find t -ok rm {} \; </dev/null 2>/dev/null | wc -l; find none
		find t none -maxdepth 0; chmod 0 t/a/b; find t/a | wc -l
		find t -xdev -fstype ext4 | wc -l; find t -type s,p | sort
		find t -size 6c | sort
		find . -xdev -name hello -printf '%D\n' | wc -l; cd t
		find . .. -maxdepth 1 | sort; find -mindepth 4 -printf '%p\n'
		find t -files0-from <(printf '.\0') 2>&1 | head -2
	END
}

@test "xargs, tree walks of chmod -R and chown -R, du, ls -R over many files" {
	differ <<-'END'
		mkdir -p d/{a,b,c}/{1,2,3}; for i in $(seq 400); do echo $i >d/f$i; done
		for f in d/*/*; do seq 5 >$f/x; done
		find d -type f | xargs cat | sort -n | md5sum
		find d -type f -print0 | xargs -0 -P 4 -n 50 md5sum | sort -k2 | md5sum
		find d -type f | sort | xargs -n 1 -I{} -a /dev/stdin echo {} | md5sum
		ls d | xargs -P 3 -L 20 echo | wc -l; xargs -a d/f1 echo; echo none | xargs cat
		echo $?; seq 3 | xargs -I{} sh -c 'echo {} >>log; exit 255'; echo $?; cat log
		seq 3 | xargs -p echo </dev/null; find d -name 'f1*' | xargs -r rm; ls d | wc -l
		chmod -R g-rwx d; find d -perm /070; chown -R 3:4 d; find d ! -uid 3
		ls -R d | md5sum; rm -r d/a; find d -type d | sort; cd d
		find . -name x | sort | cpio -p --quiet ../e; printf '%s\n' f* | wc -l
		echo {f,g}2*; echo */; echo **/x; shopt -s globstar nullglob dotglob; echo **/x
		echo nothing*; echo [f]?; ls -f | sort | head -3; cd ..
		find d -depth -exec rmdir {} \; 2>/dev/null; find d -type d | sort
		locate x 2>/dev/null; updatedb -l 0 -U d -o db 2>/dev/null; rm -rf d; ls
	END
}

@test "grep and sed" {
	differ <<-'END'
		cp -a $SHARED/tree t; seq 3000 >f; grep -r 4999 t | md5sum
		grep -rl hello t | sort; grep -rc 77777 t | sort; grep -n 299 f | head -3
		grep -R -D skip hello t 2>/dev/null | sort; grep -L deep t/a/b/c/d/* t/hello
		grep -q 5 f
		echo $?; grep x none; grep x t; grep -s x none t; grep -rh deep t
		grep -ro 'dee' t; grep -rZ hello t | tr '\0' '!' | sort; grep -f <(echo 2999) f
		grep -z 1 f | wc -c; grep -c '' f t/hello; grep -D skip -r x t | sort
		grep -m 2 1 f; grep -A1 -B1 1500 f; grep --include='h*' -r . t | sort
		grep -r --exclude-dir=a . t/hello; grep -E '^(1|2)0+$' f; grep -F -x 100 f
		grep -P '\d{4}' -c f; cat f | grep -b 77; echo x >>f; grep -U -o x f
		fgrep -v 1 f | wc -l; grep a f >>f; wc -l f; ln -s t l; grep -r hello l | sort
		zgrep x f
		sed -i s/2/two/ f; md5sum f; sed -i.bak -e 1d -e '$d' f; ls
		sed -i --follow-symlinks s/h/H/ t/symlink; cat t/hello; readlink t/symlink
		sed -i s/H/J/ t/symlink; ls -l t/symlink | cut -c1
		sed -n '2p;w out' f | head -1; wc -l out; sed -s -n '$p' f out
		sed 'r t/hello' <<<x; sed -n '/two/{p;q}' f
		sed 's/.*/cat t\/a\/b\/c\/d\/deep/e' <<<x; sed -i 's/x/y/' none; sed -i s/x/y/ t
		sed --in-place=bk/* 1p f; mkdir bk; sed --in-place=bk/* 1p f; ls bk; cp -p f g
		sed -i 's/^/ /' g f; sed -zi 's/\n/,/g' g; wc -c g; chmod 640 f; chown 5:6 f
		sed -ni 1,3p f; stat -c '%a %u:%g' f; sed -f <(echo 2d) f; sed -u 1q f
		sed -n '$=' f g; sed '1e cat f' f; sed -i -E 's/([0-9])/<\1>/' f; cat f
		sed -n '1w /dev/stdout' f; sed 1R\ f g | wc -c
	END
}

@test "mawk and gawk" {
	for awk in mawk gawk; do
		differ <<-END
			awk=$awk
		$(cat <<-'AWK'
			seq 1000 >f; $awk '{ s += $1 } END { print s }' f
		$awk '{ print > ("out" $1 % 3) }' f; wc -l out*
		$awk '{ print | "sort -n >sorted" }' f; md5sum sorted
		$awk 'BEGIN { while (("cat f" | getline x) > 0) n++; print n }'
		$awk 'BEGIN { while ((getline x < "f") > 0) n++; close("f"); getline y < "f"; print n, y }'
		$awk '{ print >> "log" } END { close("log"); system("wc -l log") }' f
		$awk -f <(echo '{ print FILENAME, NR }') f | tail -1; $awk 1 none; $awk 1 . 
		$awk 'END { print NR }' f f; $awk -F3 'NR < 4 { print NF; fflush() }' f
		$awk 'BEGIN { printf "a" > "/dev/stdout"; print "b" > "/dev/stderr" }'
		echo '{ print $2 }' >p.awk; $awk -f p.awk f | wc -l
		$awk 'BEGIN { print "x" > "none/x" }' 2>/dev/null; echo $?
		$awk 'BEGIN { print length(ENVIRON["D"]) > 0 }'; ls; cat 0
		$awk '{ print FNR, $0 }' f - <f | md5sum
		$awk 'BEGIN { "pwd" | getline d; print d == ENVIRON["D"] }'
			AWK
		)
		END
	done
}

@test "diff, diff3, sdiff, patch, cmp, comm, merge" {
	differ <<-'END'
		cp -a $SHARED/tree a; rm a/fifo a/null; cp -a a b; diff -r --no-dereference a b
		echo changed >>b/hello; rm b/empty; echo new >b/new; ln -sfn other b/symlink
		seq 150000 >b/a/big; diff -r --no-dereference a b | sort | md5sum
		diff -rq --no-dereference a b; diff -Naur --no-dereference -x symlink a b >p
		grep -v '^[-+]\{3\}' p | md5sum; diff a/hello b/hello
		diff -u --label a --label b a/hello b/hello; diff -y a/hello b/hello
		diff a none; diff a/hello a; diff - a/hello <b/hello
		diff <(cat a/hello) b/hello; diff -s a/a/b/c/d/deep b/a/b/c/d/deep
		diff3 a/hello b/hello a/hello; sdiff -s a/hello b/hello; cmp a/a/big b/a/big
		diff --from-file=a/hello b/hello
		cp -a a c; (cd c && patch -p1 --dry-run <../p | sort && patch -sp1 <../p)
		diff -r --no-dereference b c; (cd c && patch -RNp1 -s <../p)
		diff -r --no-dereference a c
		patch -b -V numbered a/hello <(diff -u a/hello b/hello); ls a
		patch -o out b/hello <(diff b/hello a/a/b/c/d/deep); cat out
		echo garbage | patch x; patch -p0 <<'P'
		--- /dev/null
		+++ made/here
		@@ -0,0 +1 @@
		+line
		P
		cat made/here; printf '1\n2\n3\n' >m; printf '1\n2\nx\n' >n
		diff -u n m | patch m; ls; cat m.rej | tail -n 3; diff -e m n >ed; patch -e m ed
		cat m; patch -R n < <(diff -u m n); ls -l $D/m | cut -c1-10; rm -f p m.rej
	END
}

@test "vim -es, ex, ed, less, view" {
	differ <<-'END'
		printf 'one\ntwo\nthree\n' >f; ln -s f l; ln f h; chmod 640 f
		vim -N -u NONE -es -c '%s/two/2/' -c 'normal Gofour' -c wq f </dev/null; cat f
		stat -c '%n %a %h' f h
		vim -N -u NONE -es -c 'set backup backupdir=. writebackup' -c 'normal x' -c wq l
		ls; readlink l; cat f~ f
		vim -N -u NONE -es -c 'set undofile undodir=.' -c 'normal dd' -c wq f
		ls -A | wc -l
		ex -s -u NONE -c '1i|new' -c 'w other' -c 'r !cat other' -c 'w! f' -c q f
		cat f other; vim -N -u NONE -es -c 'r f' -c 'w >> f' -c 'qa!' none; cat f
		vim -N -u NONE -n -es -c 'args *' -c 'argdo %s/e/E/ge | update' -c q; head *
		vim -N -u NONE -es -c 'e d/x' -c 'call mkdir("d")' -c 'normal iinside' -c 'w' -c 'e .' -c q
		cat d/x
		vim -N -u NONE -es -c 'call writefile(sort(readdir(".")), "list")' -c 'call delete("d", "rf")' -c 'call rename("other", "moved")' -c q
		cat list; ls; vim -N -u NONE -es -c 'e f' -c '%!sort -r' -c 'wq!' ; cat f
		view -u NONE -es -c 'w! v' -c q f
		vim -N -u NONE -es -c 'mksession! s.vim' -c q f; grep -c badd s.vim
		vim -N -u NONE -es -c 'saveas! as' -c q f; rm s.vim
		printf '1i\nhead\n.\n,s/E/e/g\nw\nr !echo shell\nw new\nq\n' | ed -s f
		cat f new; ed -s none </dev/null; printf 'a\nx\n.\nw %s/abs\nq\n' $D | ed
		cat abs; printf ',p\nQ\n' | ed f; ls -A
		less f | cat; less f >out; cat f | less | wc -l; LESSOPEN= less -F none
		LESSOPEN='|cat %s' less f | tail -1; more f | head -2; rm -f .f.un~
		vim -N -u NONE -es -c 'set noswapfile' -c 'wq! ++enc=latin1' f
		vim -N -u NONE -es -c 'py3 print(1)' -c q 2>/dev/null
		vimdiff -u NONE -es -c 'qa' f new; vim -r 2>&1 | head -1; xxd f | xxd -r - g
		cmp f g; chmod 400 f; vim -N -u NONE -es -c 'normal ox' -c 'w!' -c q f; cat f
		stat -c %a f
	END
}

@test "perl: files, directories, find, copy, locks, processes, sockets" {
	differ perl <<-'END'
		use strict; use warnings; use File::Find; use File::Copy;
		use File::Copy qw(move cp); use File::Path qw(make_path remove_tree);
		use File::Temp qw(tempfile tempdir); use Fcntl qw(:flock :DEFAULT :seek);
		use Cwd qw(getcwd abs_path); use File::Basename; use IO::File; use POSIX ();
		use Socket;
		$| = 1; make_path("a/b/c", { mode => 0750 });
		for my $n (1 .. 20) { open my $f, ">", "a/b/f$n" or die; print $f "$n\n" x $n;
		close $f or die; } my @found;
		find(sub { push @found, $File::Find::name . (-d $_ ? "/" : -s $_) }, "a");
		print "$_\n" for sort @found;
		finddepth({ wanted => sub { print "$_\n" if /f1$/ }, no_chdir => 1 }, "a");
		copy("a/b/f3", "x") or die; move("x", "y") or die; cp("y", "a/") or die;
		print -e "x" ? "x" : "no x", "\n"; rename "y", "none/y" or print "$!\n";
		unlink "none" or print "$!\n"; rmdir "a" or print "$!\n";
		mkdir "a" or print "$!\n"; chmod 0600, "y"; utime 1, 2, "y"; my @s = stat "y";
		printf "%o %d %d %d\n", @s[2, 7, 8, 9]; symlink "y", "l"; link "y", "h";
		print readlink("l"), " ", (lstat "l")[7], " ", (stat "h")[3], "\n";
		truncate "y", 2; print -s "y", "\n"; print "$_\n" for sort glob("a/b/f1*");
		opendir my $d, "a/b" or die;
		print join(",", sort grep { !/^\./ } readdir $d), "\n"; rewinddir $d;
		my $first = readdir $d; my $at = telldir $d; my $second = readdir $d;
		seekdir $d, $at; print readdir($d) eq $second ? "same" : "other", "\n";
		chdir $d or die; print basename(getcwd()), "\n"; chdir "../..";
		print abs_path("l") eq "$ENV{D}/y" ? "abs\n" : abs_path("l") . "\n";
		sysopen my $f, "s", O_RDWR | O_CREAT | O_EXCL, 0640 or die;
		syswrite $f, "0123456789"; sysseek $f, 3, SEEK_SET; sysread $f, my $b, 4;
		print "$b\n"; sysopen my $g, "s", O_RDWR | O_CREAT | O_EXCL or print "$!\n";
		flock $f, LOCK_EX or die; my $pid = fork; if (!$pid) { open my $h, "+<", "s";
		print flock($h, LOCK_EX | LOCK_NB) ? "got\n" : "busy: $!\n"; seek $f, 1, 0;
		POSIX::_exit(3); } waitpid $pid, 0;
		print $? >> 8, " ", sysseek($f, 0, SEEK_CUR), "\n"; flock $f, LOCK_UN;
		pipe my $r, my $w; if (!($pid = fork)) { close $r; print $w "from child\n";
		open STDOUT, ">", "redir"; system "cat s; echo; echo err >&2"; exec "cat", "y";
		} close $w; print <$r>; waitpid $pid, 0; open my $q, "<", "redir"; print <$q>;
		print `cat s`, "\n"; open my $p, "-|", "ls", "a/b" or die;
		print scalar(my @l = <$p>), "\n"; close $p; open $p, "|-", "cat >piped";
		print $p "in\n"; close $p; print -s "piped", "\n";
		open my $o, "+<", "s"; my $line = <$o>; seek $o, 0, 0; print $o "abc";
		seek $o, 0, 2; print $o "end\n"; seek $o, 0, 0; print <$o>; close $o;
		open $o, ">>", "s"; print $o "more\n"; print tell($o), "\n"; close $o;
		open my $dup, ">&", \*STDOUT; print $dup "dup\n"; open STDIN, "<", "s";
		print <STDIN>; open my $m, "<", \ "in memory"; print <$m>, "\n";
		my ($t, $name) = tempfile(DIR => "."); print $t "x"; close $t;
		print -s $name, "\n"; unlink $name; my $td = tempdir(DIR => ".", CLEANUP => 1);
		print -d $td ? "dir\n" : "none\n"; local ($^I, @ARGV) = (".bak", "redir");
		while (<>) { s/c/C/g; print; } print "x" while 0;
		opendir my $e, "none" or print "$!\n"; remove_tree("a/b");
		print -d "a/b" ? "left\n" : "gone\n";
		print join(" ", map { -r $_ && -w _ && !-x _ ? 1 : 0 } "s", "y", "a"), "\n";
		print -M "y" > 1000 ? "old\n" : "young\n"; my $u = umask 077
		open $o, ">", "um";
		close $o; printf "%o %o\n", $u, (stat "um")[2]; POSIX::mkfifo("p", 0600);
		print -p "p" ? "fifo\n" : "no\n"; if (!fork) { open my $x, ">", "p";
		print $x "through\n"; exit } open $x::y, "<", "p"; print <$x::y>; wait;
		socketpair my $s1, my $s2, AF_UNIX, SOCK_STREAM, 0; syswrite $s1, "hello";
		sysread $s2, $b, 10; print "$b\n"; exit 4;
	END
}

@test "m4, bc, dc, file, column, hexdump, strings, iconv, gettext, script" {
	differ <<-'END'
		seq 20 >f; echo 'include(f)define(x, 7)x syscmd(cat f | wc -l)undivert(f)' >m
		m4 m; echo 'x=2^70; x; scale=20; 1/3' >b; bc b </dev/null; bc <b
		dc -e '2 70 ^ p'; echo '5 k 2 v p' >d; dc d; cp /usr/bin/true t; gzip -kn f
		ln -s f l; mkfifo p; file f t f.gz l p . none | sed 's/BuildID[^,]*//'
		file -i f; file -L l; file -z f.gz | cut -d, -f1; file - <f; file -f <(echo f)
		printf 'a b\nccc d\n' | column -t; column -t f | head -2; hexdump -C f | tail -2
		hexdump -e '4/1 "%d " "\n"' f | head -1; od -x f | head -1
		strings -n 8 t | head -1 | wc -l; printf 'gr\xfc\xdf\n' >lat
		iconv -f latin1 -t utf8 lat; iconv -f latin1 -t utf8 -o u lat; cat u; look 1 f
		tr -d 1 <f | md5sum; xxd -p f; expr $(wc -l <f) + 1; factor <f | tail -1
		seq -s, 5 >s; printf '%s\n' "$(<s)"; 		date -r f +%Y | wc -l; touch -d @0 z
		date -ur z; getopt -o ab: -- -a -b x y
		logger --version | wc -l; namei -m $D/f | tail -1; lslocks --version | wc -l
		rename --version 2>&1 | wc -l
		script -qefc 'cat f | tail -1; tty >/dev/null && echo tty' log
		sed -i '1d;$d' log
		head -c 5 log | od -c | wc -l; script -qc 'echo in >inside' /dev/null
		cat inside; ul f | head -1; rev f | head -1; colrm 2 <f | head -1
		whereis -B $D -f t | wc -l; cksum f; env -C . cat f | md5sum
		mcookie -f f | wc -c; tput -T xterm cols; infocmp -1 xterm | wc -l
		getconf PATH_MAX .; getconf NAME_MAX $D; locale -a >/dev/null
	END
}
