#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs that are built, installed and run in the rump kernel: make, gcc, binutils, cmake,
# ninja, ccache; libraries and scripts that lie there.  As on the host.

load lib
load differential

setup_file() {
	require make gcc g++ ar ld cmake ninja ccache || return
	begin_differential
}

@test "make -j4: archives, shared libraries, install, the temporary files of gcc" {
	differ <<-'END'
		mkdir src tmp; cd src; export TMPDIR=$D/tmp
		for n in 1 2 3 4 5 6; do
			printf '#include "all.h"\nint f%d(void) { return %d; }\n' $n $n >f$n.c
		done
		echo 'int f1(void), f2(void), f3(void), f4(void), f5(void), f6(void);' >all.h
		cat >main.c <<-'C'
			#include <stdio.h>
			#include "all.h"
			int main(int argc, char **argv)
			{
				printf("%s %d\n", argv[0], f1() + f2() + f3() + f4() + f5() + f6());
				return argc;
			}
		C
		cat >Makefile <<-'M'
			OBJECTS = f1.o f2.o f3.o f4.o f5.o f6.o
			all: prog shared
			libf.a: $(OBJECTS)
				ar rcs $@ $^
				ranlib $@
			prog: main.o libf.a
				gcc -o $@ $^
			libf.so: $(OBJECTS:.o=.c)
				gcc -shared -fPIC -o $@ $^
			shared: main.o libf.so
				gcc -o $@ main.o -L. -lf -Wl,-rpath,'$$ORIGIN'
			%.o: %.c all.h
				gcc -save-temps=obj -O2 -c -o $@ $<
			install: all
				install -d $(DESTDIR)/bin
				install -m 755 prog shared $(DESTDIR)/bin
				install -m 644 libf.so $(DESTDIR)/bin
			clean:
				rm -f *.[aiso] *.so prog shared
		M
		make -s -j4 && ls
		./prog a b; echo $?
		./shared; echo $?
		make -s -j4; touch f3.c; make -n | wc -l; make
		make -s install DESTDIR=$D/in
		(cd /; $D/in/bin/prog x; $D/in/bin/shared)
		nm -g libf.a | grep ' T '; objdump -d prog | md5sum; strip prog; ./prog
		echo 'syntax error' >f2.c; make -s -k -j2 2>/dev/null; echo $?
		make -s clean; ls . ../tmp
	END
}

@test "compilers: lto, c++, from a pipe, ccache" {
	differ <<-'END'
		export TMPDIR=$D CCACHE_DIR=$D/cache
		echo 'int main(void) { return 7; }' | gcc -x c - -o seven; ./seven; echo $?
		echo 'int f(void) { return 8; }' >f.c; echo 'int f(void); int main(void) { return f(); }' >main.c
		gcc -pipe -flto -O2 -o lto main.c f.c; ./lto; echo $?
		printf '#include <iostream>\nint main() { std::cout << "hello\\n"; }\n' | g++ -x c++ - -o hello && ./hello
		for o in 1 2; do ccache gcc -c f.c -o f$o.o; done; cmp f1.o f2.o && echo same
		ccache -s | grep -c Hits; rm -r cache
		gcc -E -dM - </dev/null | grep -c __x86_64__; gcc none.c; echo $?
	END
}

@test "cmake with make and with ninja: configure, build, test, install" {
	differ <<-'END'
		mkdir src src/lib src/app; cd src
		cat >CMakeLists.txt <<-'C'
			cmake_minimum_required(VERSION 3.20)
			project(demo C)
			include_directories(${CMAKE_BINARY_DIR})
			add_library(foo SHARED lib/foo.c)
			add_library(bar STATIC lib/bar.c)
			add_executable(demo app/main.c)
			target_link_libraries(demo foo bar m)
			enable_testing()
			add_test(NAME run COMMAND demo)
			install(TARGETS demo foo DESTINATION out)
			configure_file(config.h.in config.h)
		C
		echo '#define NAME "@PROJECT_NAME@"' >config.h.in
		echo 'int foo(void) { return 40; }' >lib/foo.c
		echo 'int bar(void) { return 2; }' >lib/bar.c
		printf '#include <stdio.h>\n#include "config.h"\nint foo(void), bar(void); int main(void) {
			printf("%%s %%d\\n", NAME, foo() + bar()); return 0; }\n' >app/main.c
		for g in "Unix Makefiles" Ninja; do
			b="../${g%% *}"
			cmake -S . -B $b -G "$g" -DCMAKE_INSTALL_PREFIX=$b/in >$D/log 2>&1 || tail -n 40 $D/log
			cmake --build $b -j3 >$D/log 2>&1 || tail -n 40 $D/log
			(cd $b; ls; ctest 2>&1 | grep passed | sed 's/[0-9.]* sec//'; ./demo)
			cmake --install $b >/dev/null; ls $b/in/out; $b/in/out/demo; mv $b/in "$D/in-${g%% *}"
		done
		touch lib/foo.c; cmake --build ../Ninja | wc -l; cmake --build ../Ninja; cmake --build ../Unix | wc -l
		cd $D; rm -r Unix Ninja log; LD_LIBRARY_PATH=$D/in-Ninja/out${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} in-Ninja/out/demo
	END
}

# shared libraries of a program, by all the ways in which the loader finds them
@test "libraries that lie beside a program" {
	# shellcheck disable=SC2016
	differ <<-'END'
		mkdir -p p/bin p/lib p/lib2; cd p
		echo 'int deep(void) { return 5; }' >deep.c
		echo 'int deep(void); int ver(void) { return 10 + deep(); }' >ver.c
		echo 'V1 { global: ver; local: *; };' >ver.map
		echo 'int plug(void) { return 100; }' >plug.c
		cat >main.c <<-'C'
			#define _GNU_SOURCE
			#include <dlfcn.h>
			#include <errno.h>
			#include <limits.h>
			#include <stdio.h>
			#include <stdlib.h>
			#include <string.h>
			#include <sys/prctl.h>
			#include <unistd.h>
			int ver(void);
			int main(int argc, char **argv)
			{
				char link[PATH_MAX] = "", real[PATH_MAX] = "", name[16];
				void *plug = dlopen("lib/libplug.so", RTLD_NOW);

				readlink("/proc/self/exe", link, sizeof(link) - 1);
				realpath("/proc/self/exe", real);
				prctl(PR_GET_NAME, name);
				/* Linux names the second one "exe" */
				if (!strcmp(argv[0], "again"))
					name[0] = 0;
				printf("%s %s %s %s %s %d\n", argv[0], program_invocation_short_name, link,
				       real, name, ver());
				if (plug)
					printf("plug %d\n", ((int (*)(void))dlsym(plug, "plug"))());
				fflush(stdout);
				if (argc > 2)
					execl("/proc/self/exe", "again", "x", NULL);
				for (int fd = 3; fd < 64; fd++)
					if (!close(fd))
						printf("had %d\n", fd);
				return argc;
			}
		C
		gcc -shared -fPIC -o lib2/libdeep.so deep.c
		gcc -shared -fPIC -Wl,-soname,libver.so.1 -Wl,--version-script=ver.map -o lib/libver.so.1 ver.c \
			-Llib2 -ldeep -Wl,-rpath,'$ORIGIN/../lib2'
		ln -s libver.so.1 lib/libver.so
		gcc -shared -fPIC -o lib/libplug.so plug.c
		link() { gcc -o bin/$1 main.c -Wl,-rpath-link,lib2 "${@:2}"; }
		link runpath -Llib -lver -Wl,-rpath,'$ORIGIN/../lib'
		link rpath -Llib -lver -Wl,--disable-new-dtags,-rpath,$D/p/lib
		link path lib/libver.so -Wl,-z,noseparate-code -Wl,-rpath,'${ORIGIN}/../lib'
		link relative -Llib -lver -Wl,-rpath,lib
		link none -Llib -lver
		run() { "$@" 10>&- 2>&1; echo "status $?"; }
		for p in runpath rpath path relative; do run bin/$p; done
		ln -s runpath bin/linked; (cd bin; run ./linked; run ./linked again twice; run ./relative)
		run bin/none
		host=${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
		LD_LIBRARY_PATH=$D/p/lib$host run bin/none; cd lib; LD_LIBRARY_PATH=$host: run ../bin/none
		cd ..; mv lib other; run bin/runpath; LD_LIBRARY_PATH=$D/p/other$host run bin/runpath
		rm bin/*
	END
}

@test "scripts and interpreters" {
	# shellcheck disable=SC2016
	differ <<-'END'
		run() { "$@" 2>&1; echo "status $?"; }
		cp /bin/echo /bin/sh /usr/bin/env .
		printf "#!$D/echo -n  two words \nrest\n" >one; printf "#!$D/one x\n" >two; printf "#!$D/two\n" >three
		printf '#!%s\necho "$0 $#: $*"\n' $D/sh >shell; printf '#!/usr/bin/env -S sh -e\necho env "$@"; false; echo no\n' >env-s
		printf '#! /bin/sh\nexec ./one "$@"\n' >exec; printf 'echo no first line "$@"\n' >none; printf '#!\n' >empty
		printf '#!/no/such/program\n' >missing; printf '#!%s' "$D/$(printf 'long%.0s' {1..100})" >long; : >nothing
		chmod +x one two three shell env-s exec none empty missing long nothing
		for s in one two three shell env-s exec none empty missing long nothing; do
			run ./$s a 'b c'; run sh ./$s; done 2>&1 | sed 's/sh: [0-9]*:/sh:/'
		for n in 1 2 3 4 5 6 7; do printf '#!%s\n' $D/n$((n - 1)) >n$n; done; cp echo n0; chmod +x n?
		run ./n4 x; run ./n5 x; run ./n6 x
		cp sh removed; ./removed -c 'rm removed; echo it runs'; run ./removed
		chmod -x echo; run ./echo; mkdir d; run ./d; run ./echo/x; printf 'garbage\0\1\2' >g; chmod +x g; run ./g
		cp -a sh sh2; PATH=$D:$PATH; run sh2 -c 'shell in PATH'; run xargs -n 1 shell <<<'a b'; find . -name n0 -exec {} found \;
	END
}

@test "exec: arguments, environments, descriptors" {
	differ python3 <<-'END'
		import errno, os, sys
		def run(what, *arguments, before=lambda: None):
		    sys.stdout.flush()
		    pid = os.fork()
		    if not pid:
		        try:
		            before()
		            what(*arguments)
		        except OSError as error:
		            print(errno.errorcode[error.errno], flush=True)
		        os._exit(99)
		    print(os.waitpid(pid, 0)[1])
		def copy(name):
		    with open(f"/bin/{name}", "rb") as old, open(name, "wb") as new:
		        new.write(old.read())
		    os.chmod(name, 0o755)
		keep = {n: os.environ[n] for n in os.environ if n.startswith(("LD_", "RUMP"))}
		for name in "echo", "env", "cat", "sh":
		    copy(name)
		for path in "/bin/sh", "./sh":
		    run(os.execve, path, ["any name", "-c", "echo $0 $A; cat f 2>&1"], {**keep, "A": "b"})
		    run(os.execve, path, ["sh", "-c", "echo ${#A}", "x" * 100000], {**keep, "A": "y" * 100000})
		    run(os.execv, path, ["sh"] + ["-c", "echo $#", "0"] + ["word"] * 50000)
		    run(os.execv, path, ["sh", "z" * 131072])
		    run(os.execv, path, ["sh"] + ["z" * 131000] * 20)
		    run(os.execve, path, ["sh"], {"A" * 140000: "b"})
		fd = os.open("sh", os.O_RDONLY | os.O_CLOEXEC)
		run(os.execve, fd, ["sh", "-c", "echo by descriptor"], keep)
		script = os.open("script", os.O_RDWR | os.O_CREAT, 0o755)
		os.write(script, b"#!/bin/sh\necho a script\n")
		os.close(script)
		script = os.open("script", os.O_RDONLY)
		os.set_inheritable(script, True)
		run(os.execve, script, ["script"], keep)
		memory = os.memfd_create("program", 0)
		with open("sh", "rb") as file:
		    os.write(memory, file.read())
		run(os.execve, memory, ["sh", "-c", "echo from memory; cat script"], keep)
		file = os.open("opened", os.O_RDWR | os.O_CREAT)
		os.write(file, b"offset")
		run(os.execv, "./cat", ["cat"], before=lambda: (os.lseek(file, 3, 0), os.dup2(file, 0)))
		run(os.execv, "./cat", ["cat", f"/proc/self/fd/{file}"])
		run(os.execv, "none", ["none"])
		run(os.execv, "script/x", ["none"])
		run(os.execv, "x" * 300, ["none"])
		print(os.spawnv(os.P_WAIT, "./echo", ["echo", "spawned"]))
		pid = os.posix_spawn("./echo", ["echo", "to a file"], os.environ,
		                     file_actions=[(os.POSIX_SPAWN_OPEN, 1, "out", os.O_WRONLY | os.O_CREAT, 0o644)])
		print(os.waitpid(pid, 0)[1], open("out").read())
		sys.stdout.flush()
		os.execv("./echo", ["echo", "the last"])
	END
}
