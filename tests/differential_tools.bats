#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Attributes, ciphers, users and terminals on /rump and on the host: see differential.bash.

load lib
load differential

@test "openssl: digests, ciphers, keys, certificates" {
	differ <<-'END'
		seq 1000 >f; openssl dgst -sha256 f; openssl sha1 <f
		openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -S 0011223344556677 -in f -out e
		openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:x -S 0011223344556677 -in e -out g
		cmp f g; md5sum e; openssl base64 -in f -out b
		openssl base64 -d -in b | cmp - f; echo pw >pw
		openssl enc -aes-128-ctr -pbkdf2 -nosalt -pass file:pw -in f | md5sum
		openssl enc -aes-128-ctr -pbkdf2 -nosalt -pass file:pw <f >$HOST/e
		cmp <(openssl enc -d -aes-128-ctr -pbkdf2 -nosalt -pass file:pw -in $HOST/e) f
		openssl req -x509 -newkey rsa:1024 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=rump 2>/dev/null
		stat -c '%a %n' key.pem cert.pem; openssl x509 -in cert.pem -noout -subject
		openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
		openssl dgst -sha256 -sign key.pem -out sig f
		openssl dgst -sha256 -verify pub.pem -signature sig f; echo x >>f
		openssl dgst -sha256 -verify pub.pem -signature sig f 2>/dev/null
		openssl verify -CAfile cert.pem cert.pem
		openssl pkcs12 -export -inkey key.pem -in cert.pem -passout pass:x -out p12
		openssl pkcs12 -in p12 -passin pass:x -nokeys 2>/dev/null | grep -c BEGIN
		openssl ecparam -name prime256v1 -genkey -noout -out ec
		openssl ec -in ec -check -noout 2>&1 | tail -n 1; openssl rand -out r 100
		stat -c %s r; openssl rand -writerand seed; stat -c %s seed
		openssl x509 -in none 2>&1 | grep -c 'No such file'
		openssl rehash . >/dev/null 2>&1; ls *.0 | wc -l; echo 'nonsense = [' >conf
		OPENSSL_CONF=$D/conf openssl version >/dev/null 2>&1
		rm -f *.pem ec sig p12 r seed *.0 e
	END
}

@test "gpg: keys, its agent's sockets, encryption, signatures" {
	differ <<-'END'
		mkdir -m 700 home; echo 's2k-count 65536' >home/gpg-agent.conf
		export GNUPGHOME=$D/home
		g='gpg --batch --no-tty -q --pinentry-mode loopback --passphrase pw'
		$g --quick-generate-key rump@example future-default default never 2>/dev/null
		echo $?
		gpg --list-keys --with-colons 2>/dev/null | grep -c ^pub
		find home -type s | sort; seq 1000 >f
		$g --trust-model always -r rump@example -e f; $g -o g -d f.gpg; cmp f g
		$g --detach-sign f; gpg --verify f.sig f 2>&1 | grep -c Good
		$g --clear-sign -o s f; gpg --verify s 2>&1 | grep -c Good; echo x >>f
		gpg --verify f.sig f 2>&1 | grep -c BAD; $g -c -o c g; $g -d c | cmp - g
		gpg --export -a rump@example >pub; mkdir -m 700 other
		gpg --homedir other --import pub 2>&1 | grep -c imported
		gpg --homedir $D/other -q --list-keys | grep -c rump
		gpg-connect-agent --no-autostart 'getinfo version' /bye | tail -n 1
		for h in home other; do GNUPGHOME=$D/$h gpgconf --kill all; done
		while [ -e home/S.gpg-agent ]; do sleep 0.1; done
		cat g | gpg --batch -q --store >stored; gpg -q --list-packets <stored | grep -c literal
		gpg --print-md sha1 g; gpgv --keyring none f.sig 2>/dev/null; echo $?
		rm -rf home other f.gpg f.sig s c pub stored
	END
}

@test "attributes: getfattr, setfattr, getfacl, setfacl, chattr, lsattr" {
	differ <<-'END'
		mkdir d; echo x >f; ln -s f l; setfattr -n user.a -v 1 f
		setfattr -n user.b -v 0xdeadbeef f; setfattr -n user.empty f
		setfattr -n trusted.t -v yes d; getfattr -d -m - f d
		getfattr -n user.b -e hex f; getfattr --only-values -n user.a f; echo
		setfattr -x user.a f; setfattr -x user.a f; getfattr -n user.none f
		setfattr -h -n user.x -v y l; setfattr -h -n trusted.x -v y l
		getfattr -h -d -m trusted l; getfattr -R -d -m - . | sort; getfattr -d f >dump
		setfattr -x user.b f; setfattr --restore=dump; getfattr -d $D/f 2>/dev/null
		setfattr -n bad.name -v 1 f
		setfattr -n user.big -v "$(head -c 5000 /dev/zero | tr '\0' x)" f
		cp --preserve=xattr f $HOST/f; getfattr -d $HOST/f 2>/dev/null | tail -n +2
		for i in 1 2 3 4 5; do setfattr -n user.n$i -v $i f; done; getfattr f | sort
		echo y >g; chmod 0 g; getfattr -d g; setfattr -n security.x -v z f
		getfattr -m security -d f; setcap cap_net_raw+ep f; getcap f; setcap -r f
		getcap f
		setfacl -m u:1:rw,g:2:r f; getfacl -n f; ls -l f | cut -c1-11; chmod 600 f
		getfacl -cn f; setfacl -d -m u:3:rwx d; touch d/in; mkdir d/sub
		getfacl -n d d/in d/sub
		setfacl -x u:1 f; setfacl -b f; getfacl -cn f; setfacl -m m::r d/in
		getfacl -n d/in >acl; setfacl -b d/in; setfacl --restore=acl; getfacl -cn d/in
		setfacl -m u:nosuch:r f; cp -a d e; getfacl -cn e e/in e/sub; setfacl -R -k e
		getfacl -cn e/sub; setfacl -m u::r f; stat -c %a f; setfacl -M <(echo u:9:x) f
		getfacl -c f
		setpriv --reuid=3 --clear-groups sh -c 'echo in >>d/in; setfacl -m u:4:r f'
		cat d/in
		touch i a; chattr +i i; chattr +a a; lsattr i a | cut -c1-22; echo x >i
		echo x >a; echo x >>a; rm i a; chattr =e i a; lsattr -d d | cut -c1-22
		chattr +S +d f; lsattr f | cut -c1-22; chattr -R +A d
		lsattr -R d | cut -c1-22 | sort; chattr +z f; lsattr -v f | wc -l
		chattr -p 7 f 2>&1 | wc -l; rm i a
	END
}

@test "users, terminals, namespaces: su, runuser, script, setsid, unshare, tty tools" {
	differ <<-'END'
		echo text >f; chmod 777 .
		su -s /bin/sh nobody -c 'cat f; id -un; touch mine; mkdir m && echo in >m/x; cat m/x'
		stat -c '%U %n' mine m m/x
		su -s /bin/bash -p games -c 'echo $0 >>f; touch g; echo $?'
		runuser -u nobody -- sh -c 'cat f; rm f; echo $?; mv mine mine2'; ls
		chmod 1777 .; runuser -u games -- rm mine2; runuser -u nobody -- rm mine2; ls
		chmod 700 m; runuser -u games -- ls m; newgrp games <<<'touch grp' 
		sg games 'touch grp2'; stat -c %G grp grp2
		echo again >f
		script -qefc 'sh -c "cat f; stty size >/dev/null; exit 3"' typescript </dev/null
		echo $?; sed -i '1d;$d' typescript; cat typescript
		script -qc 'read x <f; echo $x >from' /dev/null; cat from
		setsid -w sh -c 'cat f; echo s >s'; cat s; setsid -fw cat f; (umask 027; touch u
		mkdir ud); stat -c '%a %n' u ud; unshare -U -r sh -c 'id -u; cat f; echo x >ns' 
		cat ns; unshare -m cat f; unshare -p -f --mount-proc sh -c 'cat f; echo $$ >pid'
		cat pid; nsenter --version | wc -l; ionice -c 2 -n 3 cat f; taskset -c 0 cat f
		chrt -o 0 sh -c 'cat f >c'; cat c; choom -n 0 -- cat f
		uclampset -m 0 cat f 2>/dev/null | wc -l; setarch -R cat f
		prlimit --fsize=1000 --nofile=50 cat f; watch --version | wc -l
		timeout --foreground 50 cat f; stdbuf -i0 -o0 cat f; nohup cat f 2>/dev/null
		faketime --version 2>/dev/null; strace -V | wc -l
	END
}
