#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Archivers and compressors on /rump and on the host: see differential.bash.

load lib
load differential

# folders are read in an order that the file system's seed makes
export TAR_OPTIONS=--sort=name

setup_file() {
	begin_differential
	shared_tree
}

@test "tar: every compression, pipes, lists, append, update, delete, concatenate" {
	differ <<-'END'
		cp -a $SHARED/tree t; tar -cf a.tar t
		tar -tvf a.tar --numeric-owner --full-time | sed 's/20[0-9-]* [0-9:.]*//' | sort
		mkdir x; tar -C x -xpf a.tar; diff -r --no-dereference x/t/a t/a && rm -r x
		for o in z j J '-zstd' a; do case $o in a) f=y.tar.gz;; *) f=y.tar;; esac
		tar -c${o#-}f $f t/a 2>/dev/null || tar -$o -cf $f t/a; rm -rf x; mkdir x
		tar -C x -xf $f; find x | wc -l; cmp x/t/a/big t/a/big; done
		tar -I 'xz -0' -cf i.txz t/a/b; tar -tf i.txz; tar -cf - t | tar -C x -xpf -
		tar -cf - t/a | cat | gzip | tar -xzOf - t/a/big | md5sum; echo new >new
		tar -rf a.tar new; touch -d @2000000000 new; tar -uf a.tar new
		tar -tf a.tar | grep -c new; tar --delete -f a.tar new
		tar -tf a.tar | grep -c new
		tar -cf b.tar new; tar -Af a.tar b.tar; tar -tf a.tar | tail -1; tar -df a.tar
		echo changed >>t/hello; tar -df a.tar; tar -xOf a.tar t/hello; tar -xf none.tar
		tar -xf a.tar nothing; tar -cf c.tar none; tar -czf $D/c.tgz -C t a
		tar -tzf c.tgz | wc -l; rm -r t/dangling
		tar --remove-files -cf d.tar new; ls new
		tar -cvf e.tar -T <(printf 't/a/b\nt/hello\n')
		tar -cf f.tar --exclude='*big' --exclude-vcs t; tar -tf f.tar | grep -c big
		tar -cf g.tar --transform 's,^t,u,' t/a/b; tar -xvf g.tar
		tar -xf g.tar --strip-components=2 -C x; tar -xkf g.tar
		tar -xf g.tar --overwrite --unlink-first; rm -r x *.t*
	END
}

@test "tar: sparse, xattrs, incremental, one-file-system, multi-volume, checkpoints" {
	differ <<-'END'
		cp -a $SHARED/tree t; tar --xattrs --sparse --acls -cpf a.tar t; mkdir x
		tar --xattrs --xattrs-include='*' --acls -C x -xpf a.tar
		getfattr -d x/t/hello x/t/a; [ $(stat -c %b x/t/sparse) -lt 100 ] && echo sparse
		cmp x/t/sparse t/sparse
		tar --one-file-system -cf b.tar $D/t/a 2>/dev/null
		tar -tf b.tar | sed "s,${D#/},D,"; tar --listed-incremental=snar -cf l0.tar t
		echo more >t/more; rm t/a/big; tar --listed-incremental=snar -cf l1.tar t
		tar -tf l1.tar | sort; mkdir y
		tar --listed-incremental=/dev/null -C y -xf l0.tar
		tar --listed-incremental=/dev/null -C y -xf l1.tar; ls -A y/t y/t/a
		seq 30000 >big; tar -M -L 100 -cf v1 -f v2 big; ls v1 v2; mkdir z
		tar -C z -M -xf $D/v1 -f $D/v2; cmp z/big big
		tar --checkpoint=10 -cf c.tar big t
		tar --totals -cf c.tar big 2>&1 | cut -d' ' -f1-4; tar -cf /dev/null t
		tar -W -cf w.tar big; tar -xf c.tar -C $HOST; cmp $HOST/big big
		tar -C $HOST -cf h.tar big; tar -tf h.tar
		tar -H ustar -cf u.tar t/hello
		tar -H posix --pax-option=delete=atime,delete=ctime -cf p.tar t/a
		tar -b 1 -cf q.tar t/hello; stat -c %s q.tar; tar -xzf q.tar
		head -c 1000 p.tar >trunc.tar; tar -tf trunc.tar; rm trunc.tar; rm -r x y z
		tar -cf - big | (cd t && tar -xvf -)
		tar --sort=name --mtime=@0 --owner=0 --group=0 -cf r.tar t
		tar -tvf r.tar | wc -l
		rm p.tar a.tar l0.tar l1.tar b.tar c.tar w.tar v1 v2 snar h.tar u.tar r.tar
	END
}

@test "cpio and bsdtar" {
	differ <<-'END'
		cp -a $SHARED/tree t; (cd t
		find . -depth | LC_ALL=C sort | cpio -o -H newc --quiet >../a.cpio); mkdir x
		(cd x && cpio -idm --quiet <../a.cpio)
		diff -r --no-dereference -x fifo -x null t x && echo same
		cpio -t --quiet <a.cpio | wc -l; find t/a | cpio -pdm --quiet y 2>&1; mkdir y
		find t -depth | cpio -pdmu y; ls -R y
		(cd t && echo hello | cpio -o >../b.cpio); cpio -i --to-stdout <b.cpio; (cd x
		cpio -i <../b.cpio; cpio -iu <../b.cpio); cpio -o -H crc -O c.cpio <<<t/hello
		cpio -iv -I c.cpio t/hello; cpio -o -H ustar -F d.cpio <<<t/hello
		cpio -A -o -F d.cpio <<<t/empty; cpio -tF d.cpio; cpio -i <t/hello
		rm -r x y *.cpio
		bsdtar -cf b.tar t; bsdtar -tf b.tar | wc -l; mkdir z; bsdtar -C z -xpf b.tar
		diff -r --no-dereference -x fifo -x null t z/t && echo same
		bsdtar -czf $D/b.tgz -C t a; bsdtar -xOf b.tgz a/big | md5sum
		bsdtar -cf - t/a | bsdtar -tf - | wc -l; bsdtar -c --format zip -f b.zip t/a
		bsdtar -tf b.zip | wc -l; bsdcat b.tgz | wc -c | grep -c .; rm b.*
	END
}

@test "gzip, bzip2, xz, zstd, lz4, lzip and their cats" {
	differ <<-'END'
		seq 50000 >f; touch -d @1000000000 f; chmod 640 f
		for z in gzip bzip2 xz zstd lz4; do cp -p f g; $z -q g; ls g*
		$z -t g.* && $z -dc g.* | cmp - f; $z -dq g.*; cmp f g; $z -kq f; $z -qf f
		[ -e f ] || $z -dq f.*; rm -f g g.* f.*; [ -e f ] || exit; done
		gzip -k f; gzip f </dev/null; gzip -l f.gz; gzip -n1c f | md5sum; gunzip -f f.gz
		zcat f; gzip none; gzip . ; mkdir d; cp f d/a; cp f d/b; gzip -r d; ls d
		gunzip -r d; gzip -S .x f; ls; gzip -dS .x f.x; ln f hard; gzip f; gzip -f f
		ls; gunzip f.gz; cat f | gzip | zcat | md5sum; echo bad >b.gz; gunzip b.gz
		ls b*
		gzip <f >o.gz; zgrep -c 99 o.gz; zdiff o.gz o.gz
		zless o.gz </dev/null | tail -1; zcmp o.gz f; xz -T2 -k f
		xz -l f.xz | tail -1 | cut -c1-10; xzcat f.xz | md5sum; xzgrep 4999 f.xz
		xz -dk f.xz; unxz -f f.xz; xz --files=<(echo f); xz -d f.xz; lzma -k f
		unlzma -c f.lzma | cmp - f
		zstd -T2 -19 -q f -o f.zst; zstdcat f.zst | md5sum; zstd --rm -q -f f
		unzstd -q --rm f.zst; zstd -q --train d/a d/b -o dict 2>/dev/null
		zstd -q -o $HOST/f.zst f; cmp <(zstdcat $HOST/f.zst) f; bzip2 -k f
		bzcat f.bz2 | cmp - f; bzip2recover f.bz2 2>/dev/null; ls; bunzip2 -f f.bz2
		touch f.bz2; bzip2 f; lzip -k f && lzip -d -c f.lz | cmp - f; lzip -t f.lz
		rm -f rec*
	END
}

@test "zip and unzip" {
	differ <<-'END'
		cp -a $SHARED/tree t; rm t/fifo t/null t/dangling; zip -qr a.zip t
		zip -qry b.zip t; unzip -l a.zip | awk '{ print $1, $4 }' | sort; mkdir x
		unzip -q a.zip -d x; diff -r t x/t; unzip -qo b.zip -d x 2>&1
		readlink x/t/symlink; unzip -p a.zip t/hello; zip -u a.zip t/hello
		echo more >>t/hello; touch -d @1700000000 t/hello; zip -f a.zip | sort
		zip -d a.zip t/a/big; unzip -tq a.zip; zip -m a.zip t/empty; ls t
		unzip -n a.zip t/hello -d x; unzip -o a.zip 'hello' nothing; unzip none.zip
		zip -e -P pw e.zip t/hello; unzip -P pw -p e.zip; unzip -P no -p e.zip
		zip -r - t/a/b | cat >p.zip; unzip -tq p.zip; zip -@ l.zip <<<t/hello
		zip -q -s 64k -r s.zip t; ls s.z*; zip -q -s 0 s.zip --out whole.zip
		unzip -tq whole.zip; zip -T a.zip; zipinfo -1 a.zip | sort; zip n.zip nothing
		cat t/hello | zip -q i.zip -; unzip -p i.zip; zipnote a.zip | grep -c @
		rm -r *.z* x
	END
}

@test "rsync: -aHAX, --delete, --inplace, links, filters, to the host and back" {
	differ <<-'END'
		cp -a $SHARED/tree s; ln s/a/big s/hardbig; setfattr -n user.x -v y s/hello
		setfacl -m u:1:r s/empty; rsync -aHAX --numeric-ids s/ d
		rsync -aHAXn --itemize-changes s/ d; getfacl -n d/empty; getfattr -d d/hello
		echo extra >d/extra; rm s/a/b/c/d/deep; echo changed >>s/hello
		touch -d @1600000001 s/hello
		rsync -aHAX --delete --itemize-changes s/ d | grep -v '^.d..t' | sort
		rsync -ac --out-format='%n' s/ d; rm s/hardbig d/hardbig
		rsync -a --inplace --no-whole-file s/a/big d/a/big; seq 200001 >s/a/big
		rsync -a --inplace --no-whole-file --out-format=%n s/ d; cmp s/a/big d/a/big
		rsync -aS --no-whole-file s/sparse d/sp
		[ $(stat -c %b d/sp) -lt 100 ] && echo sparse; rsync -a --append s/hello d/empty
		rsync -a --backup --suffix=.old s/empty d/hello; ls d
		rsync -a --exclude='*big*' --include='*/' s/ e; find e -type f | sort
		rsync -a --link-dest=$D/d s/ l; stat -c %h l/a/b
		rsync -a --remove-source-files s/hello gone; ls s/hello
		rsync -rlptgoD --copy-links s/symlink f; rsync -a s/none x
		rsync -a --files-from=<(echo a/b) s/ g; rsync -aR s/./a/b h; find h | sort
		rsync -a --partial --bwlimit=100000 --progress s/a/big i | tr '\r' '\n' | tail -1 | cut -c1-15
		rsync --list-only s/a/ | awk '{ print $1, $NF }'
		rsync -a --delete s/ $HOST/c; rsync -a $HOST/c/ back
		diff -r --no-dereference -x fifo -x null s back && echo same
		rsync -a --delay-updates --fuzzy s/ d
		rsync -a --chmod=u=rw,go= --chown=7:8 s/empty owned; stat -c '%a %u:%g' owned
		rm -r back e g h l; mv d/hello.old o 2>/dev/null; rm -rf gone f i
	END
}
