# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Debian's own programs on /rump, whatever kernel `under COMMAND...` runs them with.
# Each function is one test; $TREE is a tree of the host with one of each kind of thing.

program_ls_cat_stat() {
	mkdir -p "$T/small/d"
	echo hello >"$T/small/file"
	ln -s file "$T/small/link"
	under cp -a "$T/small" /rump/small
	[ "$(under cat /rump/small/file /rump/small/link)" = hello$'\n'hello ]
	# sizes of folders are the file system's affair
	diff <(cd "$T/small" && ls -lR --time-style=full-iso . | grep -v ^total |
			sed '/^d/s/[0-9]* 20/ 20/') \
		<(under ls -lR --time-style=full-iso /rump/small | grep -v ^total |
			sed 's,/rump/small,.,; /^d/s/[0-9]* 20/ 20/')
	[ "$(under stat -c '%n %s %F %a' /rump/small/file)" = "/rump/small/file 6 regular file 644" ]
	[ "$(under readlink /rump/small/link)" = file ]
	[ "$(under realpath /rump/small/../small/link)" = /rump/small/file ]
	run under cat /rump/small/none
	[ "$status" = 1 ]
	[[ $output == *"/rump/small/none: No such file or directory"* ]]
	[ "$(under head -c 3 /rump/small/file; under wc -c </dev/null)" = hel0 ]
	[ "$(under md5sum </dev/null)" = "$(md5sum </dev/null)" ]
}

program_cp_there_and_back() {
	under cp -a "$TREE" /rump/copy
	under cp -a /rump/copy "$T/back"
	same_tree "$TREE" "$T/back"
}

program_mv_across() {
	cp -a "$TREE" "$T/from"
	under mv "$T/from" /rump/moved
	[ ! -e "$T/from" ]
	under mv /rump/moved "$T/back"
	same_tree "$TREE" "$T/back"
	run under ls /rump/moved
	[ "$status" = 2 ]
}

program_tar() {
	tar -C "$TREE" -cf "$T/tree.tar" .
	under mkdir /rump/untar
	under tar -C /rump/untar -xf "$T/tree.tar"
	under tar -C /rump/untar -cf "$T/back.tar" .
	mkdir "$T/back"
	tar -C "$T/back" -xf "$T/back.tar"
	same_tree "$TREE" "$T/back"
	# an archive that lies in the rump kernel; a compressor as a child
	under tar -C "$TREE" -cf /rump/tree.tar .
	[ "$(under tar -tf /rump/tree.tar | sort)" = "$(tar -tf "$T/tree.tar" | sort)" ]
	under tar -C /rump/untar -czf "$T/back.tgz" a
	tar -tzf "$T/back.tgz" | grep -q a/big
}

program_find_grep_du_md5sum() {
	local names
	under cp -a "$TREE" /rump/copy
	diff <(cd "$TREE" && find . -printf '%P %y %m %l\n' | sort) \
		<(under find /rump/copy -printf '%P %y %m %l\n' | sort)
	diff <(cd "$TREE" && grep -rl 99 . | sort) \
		<(under grep -rl 99 /rump/copy | sed 's,/rump/copy,.,' | sort)
	mapfile -d '' -t names < <(cd "$TREE" && find . -type f -printf '%P\0' | sort -z)
	diff <(cd "$TREE" && md5sum -- "${names[@]}") \
		<(under md5sum "${names[@]/#//rump/copy/}" | sed 's,/rump/copy/,,')
	[ "$(under du -s --apparent-size -B1 /rump/copy/a/big | cut -f1)" = \
		"$(stat -c %s "$TREE/a/big")" ]
	[ "$(under find /rump/copy -name big -exec echo {} +)" = /rump/copy/a/big ]
	under diff -r --no-dereference -x fifo -x null "$TREE" /rump/copy
	under rm -r /rump/copy
	run under ls -A /rump/copy
	[ "$status" = 2 ]
}

program_editors() {
	printf 'one\ntwo\n' >"$T/text"
	under cp "$T/text" /rump/text
	under sed -i s/two/three/ /rump/text
	[ "$(under cat /rump/text)" = one$'\n'three ]
	# write a temporary file, rename it over the old one
	under perl -e 'open F, ">/rump/text.new" or die; print F "new\n"; close F or die;
		rename "/rump/text.new", "/rump/text" or die'
	[ "$(under cat /rump/text)" = new ]
	if command -v vim >/dev/null; then
		under vim -N -u NONE -es -c 'normal ohello' -c wq /rump/text </dev/null
		[ "$(under cat /rump/text)" = new$'\n'hello ]
	fi
	under dd if=/dev/zero of=/rump/zero bs=1 count=1000 status=none
	[ "$(under stat -c %s /rump/zero)" = 1000 ]
	under truncate -s 5k /rump/zero
	under cmp -n 1000 /rump/zero /dev/zero
	[ "$(under stat -c %s /rump/zero)" = 5120 ]
	under install -m 640 "$T/text" /rump/installed
	[ "$(under stat -c %a /rump/installed)" = 640 ]
	under touch -d @1000000000 /rump/installed
	[ "$(under stat -c %Y /rump/installed)" = 1000000000 ]
	under ln /rump/installed /rump/hard
	[ "$(under stat -c %h /rump/hard)" = 2 ]
	run under ln "$T/text" /rump/hard2
	[ "$status" = 1 ]
	[[ $output == *"cross-device"* ]]
}

program_shell() {
	run under bash -c 'echo one >/rump/f; echo two >>/rump/f
		while read -r line; do echo "got $line"; done </rump/f
		exec 7</rump/f; read -r x <&7; exec 7<&-; echo "$x"
		for f in /rump/*; do echo "$f"; done; [ -f /rump/f ] && [ ! -d /rump/f ] && echo file
		cd /rump; pwd; echo *; cd ..; pwd; cat <<<"$(</rump/f)"'
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"got one"$'\n'"got two"$'\n'one$'\n'* ]]
	[[ $output == */rump/f* ]]
	[[ $output == *file$'\n'/rump$'\n'* ]]
}

program_python() {
	under python3 - <<-'END'
	import os, shutil, tempfile, threading
	os.chdir("/rump")
	assert os.getcwd() == "/rump"
	with tempfile.TemporaryDirectory(dir="/rump") as d:
	    path = os.path.join(d, "file")
	    with open(path, "w") as f:
	        f.write("x" * 1000000)
	    assert os.path.getsize(path) == 1000000
	    shutil.copy2(path, "/tmp/rump-python")
	    shutil.copytree(d, d + "/../copied")
	    assert open("/rump/copied/file").read() == open("/tmp/rump-python").read()
	    os.remove("/tmp/rump-python")
	    shutil.rmtree("/rump/copied")
	    def use(n):
	        for i in range(50):
	            name = f"{d}/{n}-{i}"
	            open(name, "w").write(name)
	            assert open(name).read() == name
	            os.rename(name, name + ".new")
	    threads = [threading.Thread(target=use, args=(n,)) for n in range(4)]
	    [t.start() for t in threads]
	    [t.join() for t in threads]
	    assert len(os.listdir(d)) == 201
	assert os.path.realpath("/rump/../etc") == "/etc"
	END
}
