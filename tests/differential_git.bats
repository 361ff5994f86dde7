#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# git in the rump kernel, as on the host.

load lib
load differential

setup_file() {
	require git || return
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_NAME=a \
		GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b \
		GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
	begin_differential
}

# The index has times and numbers of inodes, and packs depend on how threads share the work:
# a script ends by taking them away.
@test "commit, branch, rebase, merge, stash, hooks" {
	differ <<-'END'
		git init -q -b main r; cd r
		seq 1000 >a; mkdir d; for i in $(seq 100); do echo $i >d/$i; done
		git add .; git commit -qm one; git checkout -qb topic; echo c >c; git add c; git commit -qm two
		git checkout -q main; sed -i 1d a; git commit -qam three; git checkout -q topic
		git rebase -q main 2>&1; git log --oneline --graph; git checkout -q main
		git merge --no-ff -q -m merge topic; git log --oneline
		echo dirty >>a; git stash -q; git stash list; git stash pop -q; git diff --stat; git checkout -q a
		printf '#!/bin/sh\necho hook $1 >&2; cat a | wc -l\n' >.git/hooks/pre-commit
		chmod +x .git/hooks/pre-commit; echo x >x; git add x; git commit -qm hooked
		printf '#!/bin/sh\nexit 1\n' >.git/hooks/pre-commit; echo y >x; git commit -qam refused; echo $?
		git checkout -qb other HEAD~1; echo z >x; git add x; git commit -qnm z; git merge main; echo $?
		git status --short; git checkout --theirs x; git add x; git commit -qnm resolved; cat x
		git tag -a v1 -m v1; git describe; git blame a | wc -l; git grep -c 99; git ls-files -s | md5sum
		git format-patch -q -1 -o .. v1~1; git mv d e; git commit -qnm moved; git show --stat -M | tail -n 1
		git bisect start -q HEAD HEAD~3 2>&1 | tail -n 1; git bisect run sh -c '! test -e e' 2>&1 | tail -n 1
		git bisect reset -q; git clean -fdxn; git reset -q --hard v1; git rev-parse HEAD; git fsck 2>&1; rm -r .git
	END
}

@test "clone, fetch, push, worktrees, submodules, bundles" {
	differ <<-'END'
		git init -q -b main r; cd r; seq 1000 >a; git add .; git commit -qm one; seq 2000 >a; git commit -qam two; cd ..
		git clone -q r linked; git clone -q --no-hardlinks r copied; git clone -q --no-local r packed 2>&1
		git clone -q --bare r bare.git; git clone -q --depth 1 "file://$PWD/r" shallow 2>&1
		for i in linked copied packed bare.git shallow; do git -C $i log --oneline | wc -l; git -C $i fsck 2>&1 | tail -n 1; done
		stat -c %h linked/.git/objects/*/* | sort -u; stat -c %h copied/.git/objects/*/* | sort -u
		cd linked; echo y >y; git add y; git commit -qm y; git push -q ../bare.git HEAD:refs/heads/y 2>&1
		git -C ../bare.git branch; git pull -q --no-edit ../copied main; git worktree add -q ../tree -b tree 2>&1
		ls ../tree; git worktree list | sed 's/ .*//'; git worktree remove ../tree; ls ..
		git -c protocol.file.allow=always submodule add -q ../bare.git sub 2>&1; git commit -qm sub
		git submodule status | cut -c1-20; git bundle create -q ../bundle main; git bundle verify -q ../bundle 2>&1
		git clone -q -b main ../bundle ../unbundled; ls ../unbundled; git archive HEAD | tar t
		cd ..; find . -name '*.git' -o -name .git | sort | xargs rm -rf; rm -f bundle
	END
}

@test "gc, repack, prune, big files, many files" {
	differ <<-'END'
		git init -q -b main r; cd r
		for i in $(seq 300); do echo $i >f$i; done; git add .; git commit -qm many
		for i in 1 2 3; do seq $i 200000 >big; git add big; git commit -qm big$i; done
		git gc -q --aggressive; git count-objects -v | grep -E 'count|in-pack|packs|garbage'; git fsck 2>&1
		git checkout -q HEAD~2; md5sum big; git checkout -q main; md5sum big; git branch -D none; echo $?
		git rm -q f1*; git commit -qm fewer; git reflog expire --expire=now --all; git repack -adq --window=50
		git prune; git pack-refs --all; cat .git/packed-refs | wc -l; git fsck --full 2>&1; ls | wc -l
		git -c gc.auto=1 -c gc.autoDetach=true gc --auto -q; while [ -e .git/gc.pid ]; do sleep 0.1; done
		git multi-pack-index write; git commit-graph write; git verify-pack .git/objects/pack/*.idx; echo $?
		git update-index --refresh; git status --short | wc -l; git diff --stat HEAD~1 | tail -n 1; git rev-parse HEAD; rm -r .git
	END
}
