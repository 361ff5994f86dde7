#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs of musl under the preload's build for them; programs of both C libraries that
# execute each other; programs that no preload gets into.

load lib

MUSL_FOLDER=$RUMP_LIBRARIES/rump-musl

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" musl-gcc "$RUMP_LIBRARIES/rump-musl/librumphijack.so" gcc
	export PROGRAM=$BATS_FILE_TMPDIR/program STATIC=$BATS_FILE_TMPDIR/static
	musl-gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$PROGRAM" \
		"$RUMP_TOP/tests/prog/musl_program.c"
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$PROGRAM.glibc" \
		"$RUMP_TOP/tests/prog/musl_program.c" -lpthread -ldl
	echo 'int answer(void) { return 42; }' >"$BATS_FILE_TMPDIR/answer.c"
	musl-gcc -shared -fPIC -o "$BATS_FILE_TMPDIR/answer.so" "$BATS_FILE_TMPDIR/answer.c"
	gcc -shared -fPIC -o "$BATS_FILE_TMPDIR/answer.glibc.so" "$BATS_FILE_TMPDIR/answer.c"
	# cat, where it is needed in another shape
	cat >"$BATS_FILE_TMPDIR/cat.c" <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			char bytes[100];
			int fd = argc > 1 ? open(argv[1], O_RDONLY) : 0;
			ssize_t length = read(fd, bytes, sizeof(bytes));
			if (length < 0)
				perror(argc > 1 ? argv[1] : "stdin");
			return length < 0 || write(1, bytes, length) != length;
		}
	END
	musl-gcc -o "$BATS_FILE_TMPDIR/cat" "$BATS_FILE_TMPDIR/cat.c"
	gcc -o "$BATS_FILE_TMPDIR/cat.glibc" "$BATS_FILE_TMPDIR/cat.c"
	gcc -static -o "$STATIC" "$BATS_FILE_TMPDIR/cat.c" || skip_or_fail libc.a
}

setup() {
	cd "$T"
	bin=$BATS_FILE_TMPDIR
}

teardown() {
	end_kernels
}

# under WORDS LIBRARY COMMAND...: no LD_LIBRARY_PATH, which would be of one C library
under() {
	local words=path=/rump${1:+,$1} library=$2
	shift 2
	[ -z "${RUMP_TEST_KERNEL:-}" ] || words+=,kernel=$RUMP_TEST_KERNEL
	tagged timeout -k 5 "$limit" env -u LD_LIBRARY_PATH RUMPHIJACK="$words" LD_PRELOAD="$library" "$@"
}

musl() { under '' "$MUSL_FOLDER/librumphijack.so" "$@"; }
glibc() { under '' "$LIBRUMPHIJACK" "$@"; }

@test "the program is right on the host, by both C libraries" {
	timeout -k 5 "$limit" "$PROGRAM" "$T/1" "$bin/answer.so"
	timeout -k 5 "$limit" "$PROGRAM.glibc" "$T/2" "$bin/answer.glibc.so"
}

@test "a program of musl: stdio, threads, signals, waits, children, shared objects" {
	everything() { musl "$PROGRAM" /rump/tmp/d "$bin/answer.so"; }
	on_each_kernel everything
}

@test "the same without the trap, as far as functions go" {
	musl_functions() {
		musl_off() { under trap=off "$MUSL_FOLDER/librumphijack.so" "$@"; }
		musl-gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$T/calls" \
			"$RUMP_TOP/tests/prog/libc_functions.c"
		musl_off "$T/calls" /rump/tmp/f
	}
	on_each_kernel musl_functions
}

@test "a shared object and a program of musl that lie in the rump kernel" {
	inside() {
		glibc sh -c "
			cp $PROGRAM $bin/answer.so $bin/cat $bin/cat.glibc /rump/tmp/
			echo hello >/rump/tmp/hello
			/rump/tmp/cat /rump/tmp/hello && /rump/tmp/cat.glibc /rump/tmp/hello
			mkdir -p /rump/tmp/e && /rump/tmp/program /rump/tmp/e /rump/tmp/answer.so" >out
		cat out
		diff <(printf 'hello\nhello\n') out
	}
	on_each_kernel inside
}

@test "a glibc program executes one of musl and the other way round, with what they have open" {
	each_other() {
		# glibc's sh, musl's cat, by vfork, exec and a redirection
		[ "$(glibc sh -c "echo one >/rump/tmp/x; $bin/cat /rump/tmp/x; $bin/cat </rump/tmp/x
			cd /rump/tmp; $bin/cat x; exec $bin/cat x")" = $'one\none\none\none' ]
		# musl's program starts glibc's shell and cat, and those musl's again
		echo 'int main(int n, char **v) { execv(v[1], v + 1); return n; }' >run.c
		sed -i '1i#include <unistd.h>' run.c
		musl-gcc -o run run.c
		[ "$(musl ./run /bin/sh -c "echo two >/rump/tmp/y; $T/run /bin/cat /rump/tmp/y
			$bin/cat </rump/tmp/y; ./run $bin/cat /rump/tmp/y")" = $'two\ntwo\ntwo' ]
		# a script whose interpreter is of the other
		printf '#!%s\nscript\n' "$bin/cat" >script
		chmod +x script
		glibc sh -c './script' | grep -qx script
	}
	on_each_kernel each_other
}

@test "LD_PRELOAD's other libraries and the rest of the environment stay" {
	echo 'int unused;' >other.c
	gcc -shared -fPIC -nostdlib -o other.so other.c
	cat >show.c <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) { printf("%s %s\n", getenv("LD_PRELOAD"), getenv("KEPT")); return 0; }
	END
	musl-gcc -o show show.c
	gcc -o show.glibc show.c
	local musl=$MUSL_FOLDER/librumphijack.so
	[ "$(LIBRUMPHIJACK=$T/other.so:$LIBRUMPHIJACK:$T/other.so KEPT=yes glibc sh -c './show; ./show.glibc')" = \
		"$T/other.so:$(dirname "$LIBRUMPHIJACK")/rump-musl/librumphijack.so:$T/other.so yes
$T/other.so:$LIBRUMPHIJACK:$T/other.so yes" ]
	[ -e "$musl" ]
}

# an unmodified program: upper serve HOST PORT, upper ask HOST PORT
upper_program() {
	cat <<-'END'
		#include <ctype.h>
		#include <netdb.h>
		#include <poll.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <unistd.h>

		/* one connection: what comes goes back in capitals */
		static int serve(struct addrinfo *at)
		{
			int one = 1, listener = socket(at->ai_family, at->ai_socktype, 0), fd;
			char bytes[5000];
			ssize_t length;

			setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
			if (bind(listener, at->ai_addr, at->ai_addrlen) || listen(listener, 5) ||
			    (fd = accept(listener, NULL, NULL)) < 0)
				return 1;
			while ((length = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
				for (ssize_t i = 0; i < length; i++)
					bytes[i] = toupper(bytes[i]);
				if (send(fd, bytes, length, MSG_NOSIGNAL) != length)
					return 2;
			}
			return length != 0;
		}

		static int ask(struct addrinfo *at)
		{
			int fd = socket(at->ai_family, at->ai_socktype, 0);
			struct pollfd ends[2] = {{0, POLLIN, 0}, {fd, POLLIN, 0}};
			char bytes[5000];
			ssize_t length;

			if (connect(fd, at->ai_addr, at->ai_addrlen))
				return 1;
			while (poll(ends, 2, -1) > 0) {
				if (ends[0].revents) {
					length = read(0, bytes, sizeof(bytes));
					if (length <= 0) {
						shutdown(fd, SHUT_WR);
						ends[0].fd = -1;
					} else if (write(fd, bytes, length) != length) {
						return 2;
					}
				}
				if (ends[1].revents) {
					length = recv(fd, bytes, sizeof(bytes), 0);
					if (length <= 0)
						return length != 0;
					fwrite(bytes, 1, length, stdout);
				}
			}
			return 3;
		}

		int main(int argc, char **argv)
		{
			struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *at;

			if (argc != 4 || getaddrinfo(argv[2], argv[3], &hints, &at))
				return 9;
			return strcmp(argv[1], "serve") ? ask(at) : serve(at);
		}
	END
}

@test "sockets: a client and a server of musl, with each other and with nc" {
	require nc ss
	upper_program >upper.c
	musl-gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -o upper upper.c
	seq -f 'line %.0f' 20000 >data
	tr a-z A-Z <data >want
	mkfifo never
	talk() {
		# shellcheck disable=SC2016
		under socket=inet:inet6:netlink "$LIBRUMPHIJACK" bash -c '
			set -e
			serves() {
				"$@" <&0 &
				server=$!
				until ss -Hltn "sport = :7000" | grep -q .; do sleep 0.05; done
			}
			for address in 127.0.0.1 ::1; do
				serves ./upper serve $address 7000
				./upper ask $address 7000 <data | cmp - want
				wait $server
				serves ./upper serve $address 7000
				nc -N $address 7000 <data | cmp - want
				wait $server
				# which ends with its input, not with that of the other
				serves nc -l -N $address 7000 <want
				./upper ask $address 7000 <>never | cmp - want
				wait $server || :
			done'
	}
	on_each_kernel talk
}

@test "without the library for musl a program of musl runs on the host, and is told" {
	mkdir lib
	ln -s "$RUMP_LIBRARIES"/* lib/
	rm lib/rump-musl
	echo host >file
	LIBRUMPHIJACK=$T/lib/librumphijack.so run glibc sh -c "$bin/cat file"
	echo "$output"
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 2 ]
	[ "${lines[1]}" = host ]
	[[ ${lines[0]} == "rumphijack: $bin/cat is a program of musl, and there is no $T/lib/rump-musl/librumphijack.so: it runs without the rump kernel" ]]
}

@test "a static program that loses what it was given is told, another one is not" {
	lost() {
		run glibc sh -c "echo x >/rump/tmp/x; $STATIC </rump/tmp/x"
		echo "$status: $output"
		[ "$status" = 1 ]
		[[ ${lines[0]} == "rumphijack: $STATIC is statically linked: it runs without the rump kernel, whose descriptors and working directory it has not" ]]
		[ "$(grep -c rumphijack <<<"$output")" = 1 ]
		run glibc sh -c "cd /rump/tmp && $STATIC x"
		[ "$status" = 1 ]
		[[ ${lines[0]} == *"is statically linked"* ]]
		echo y >file
		[ "$(glibc sh -c "ls /rump >/dev/null; $STATIC file" 2>&1)" = y ]
	}
	on_each_kernel lost
}

# not one that a process of the program has inside
@test "what a static program starts finds the kernel of the family again" {
	cat >runs.c <<-'END'
		#include <unistd.h>
		#include <sys/wait.h>
		int main(int n, char **v)
		{
			int status;
			if (!fork())
				execvp(v[1], v + 1);
			wait(&status);
			return n > 1 && WIFEXITED(status) ? WEXITSTATUS(status) : 9;
		}
	END
	gcc -static -o runs runs.c
	family() {
		[ "$(glibc sh -c 'echo kept >/rump/tmp/kept; ./runs cat /rump/tmp/kept' 2>&1)" = kept ]
	}
	KERNELS="spawn server" on_each_kernel family
}

@test "a set-user-id program that loses what it was given is told" {
	is_root || skip_or_fail root
	require setpriv
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "${T%/*}" "$T"
	cp "$bin/cat.glibc" setuid
	chmod 4755 setuid
	load open_libraries
	RUMP_LIBRARIES=$T/lib
	LIBRUMPHIJACK=$RUMP_LIBRARIES/librumphijack.so
	open_libraries "$RUMP_LIBRARIES"
	export RUMP_MODULES=$RUMP_LIBRARIES/rump/modules
	run glibc setpriv --reuid=65534 --regid=65534 --clear-groups \
		sh -c "echo x >/rump/tmp/x; ./setuid </rump/tmp/x"
	echo "$output"
	[ "$status" = 1 ]
	[[ ${lines[0]} == "rumphijack: ./setuid is set-user-id,"*": it runs without the rump kernel, whose "* ]]
	# root executes it as any other
	[ "$(glibc sh -c "echo x >/rump/tmp/x; ./setuid </rump/tmp/x" 2>&1)" = x ]
}
