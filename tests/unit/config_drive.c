/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drive specs.
 */
#include <errno.h>

#include <rump/rump.h>

#include "drive.h"
#include "tap.h"

#define END RUMP_ETFS_SIZE_ENDOFF
#define D "key=/dev/vda,hostpath=disk.img"

static const struct {
	const char *text, *key, *hostpath;
	int type;
	uint64_t offset, size;
	bool is_readonly;
	unsigned int sector_size;
} good[] = {
	{D, "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, false, 0},
	{"hostpath=/a b=c,key=//dev/./x/", "/dev/x", "/a b=c", RUMP_ETFS_BLK, 0, END, false, 0},
	{D ",size=host", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, false, 0},
	{D ",size=512", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, 512, false, 0},
	{D ",size=64k", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, 65536, false, 0},
	{D ",size=16m", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, 16 << 20, false, 0},
	{D ",size=2G", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, 2ull << 30, false, 0},
	{D ",size=3t", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, 3ull << 40, false, 0},
	{D ",offset=0", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, false, 0},
	{D ",offset=1", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 1, END, false, 0},
	{D ",offset=1M", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 1 << 20, END, false, 0},
	{D ",ro", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, true, 0},
	{"ro," D, "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, true, 0},
	{D ",sector=512", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, false, 512},
	{D ",sector=4k,size=8k", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, 8192, false, 4096},
	{D ",type=blk", "/dev/vda", "disk.img", RUMP_ETFS_BLK, 0, END, false, 0},
	{D ",type=chr,ro", "/dev/vda", "disk.img", RUMP_ETFS_CHR, 0, END, true, 0},
	{D ",type=reg,size=5,offset=3", "/dev/vda", "disk.img", RUMP_ETFS_REG, 3, 5, false, 0},
	{D ",type=dir", "/dev/vda", "disk.img", RUMP_ETFS_DIR, 0, END, false, 0},
	{D ",type=dirsubdirs", "/dev/vda", "disk.img", RUMP_ETFS_DIR_SUBDIRS, 0, END, false, 0},
	{"key=/a\\,b,hostpath=c\\\\\\,d", "/a,b", "c\\,d", RUMP_ETFS_BLK, 0, END, false, 0},
	{D ",type=reg,size=9223372036854775807", "/dev/vda", "disk.img", RUMP_ETFS_REG, 0,
	 INT64_MAX, false, 0},
	{D ",type=reg,offset=9223372036854775806,size=1", "/dev/vda", "disk.img", RUMP_ETFS_REG,
	 INT64_MAX - 1, 1, false, 0},
};

static const struct {
	const char *text, *error;
} bad[] = {
	{"", "empty word: want key=/dev/vda,hostpath=disk.img"},
	{D ",", "empty word: want key=/dev/vda,hostpath=disk.img"},
	{"key=/dev/vda", "no hostpath: want hostpath=disk.img"},
	{"hostpath=disk.img", "no key: want key=/dev/vda"},
	{"ro", "no key: want key=/dev/vda"},
	{"/dev/vda,disk.img", "unknown word '/dev/vda': known: key hostpath size offset type ro "
			      "sector"},
	{"key", "'key' has no value: want key=/dev/vda"},
	{"key=,hostpath=x", "'key' has no value: want key=/dev/vda"},
	{"hostpath=", "'hostpath' has no value: want hostpath=disk.img"},
	{"key=vda,hostpath=x", "key 'vda': want an absolute path such as key=/dev/vda"},
	{"key=/,hostpath=x", "key '/': want an absolute path such as key=/dev/vda"},
	{"key=/a/..,hostpath=x", "key '/': want an absolute path such as key=/dev/vda"},
	{D ",key=/b", "'key' is given twice"},
	{D ",hostpath=b", "'hostpath' is given twice"},
	{D ",ro,ro", "'ro' is given twice"},
	{D ",size=1k,size=1k", "'size' is given twice"},
	{D ",hostpth=b",
	 "unknown word 'hostpth': did you mean 'hostpath'? known: key hostpath size "
	 "offset type ro sector"},
	{D ",rw", "unknown word 'rw': did you mean 'ro'? known: key hostpath size offset type ro "
		  "sector"},
	{D ",ro=yes", "'ro=yes': want ro alone"},
	{D ",size", "'size' has no value: want size=16m for example"},
	{D ",size=", "'size' has no value: want size=16m for example"},
	{D ",offset=", "'offset' has no value: want offset=0 for example"},
	{D ",type=", "'type' has no value: want type=blk for example"},
	{D ",sector=", "'sector' has no value: want sector=512 for example"},
	{D ",size=0", "'size=0': nothing would be left: want 1 or more, or host"},
	{D ",size=1.5g", "'size=1.5g': want bytes such as 512, 64k, 16m, 2g, or host"},
	{D ",size=-1", "'size=-1': want bytes such as 512, 64k, 16m, 2g, or host"},
	{D ",size=k", "'size=k': want bytes such as 512, 64k, 16m, 2g, or host"},
	{D ",size=1kk", "'size=1kk': want bytes such as 512, 64k, 16m, 2g, or host"},
	{D ",size=1p", "'size=1p': want bytes such as 512, 64k, 16m, 2g, or host"},
	{D ",size=Host", "'size=Host': want bytes such as 512, 64k, 16m, 2g, or host"},
	{D ",size=9223372036854775808", "'size=9223372036854775808': too large: files end before "
					"8388608t"},
	{D ",size=8388608t", "'size=8388608t': too large: files end before 8388608t"},
	{D ",size=18446744073709551616", "'size=18446744073709551616': too large: files end before "
					 "8388608t"},
	{D ",size=99999999999999999999999999g", "'size=99999999999999999999999999g': too large: "
						"files end before 8388608t"},
	{D ",size=18014398509481984k", "'size=18014398509481984k': too large: files end before "
				       "8388608t"},
	{D ",size=99999999999999999999x", "'size=99999999999999999999x': want bytes such as 512, "
					  "64k, 16m, 2g, or host"},
	{D ",size=513", "size=513 is no multiple of the sector, 512 bytes"},
	{D ",size=4608,sector=4096", "size=4608 is no multiple of the sector, 4096 bytes"},
	{D ",offset=host", "'offset=host': want bytes such as 0, 512, 1m"},
	{D ",offset=8388608t", "'offset=8388608t': too large: files end before 8388608t"},
	{D ",offset=disklabela", "'offset=disklabela': disk labels are not read: give the "
				 "partition's offset= and size= in bytes (fdisk -l shows them in "
				 "sectors)"},
	{D ",offset=8388607t,size=2t", "offset=9223370937343148032 and size=2199023255552 together "
				       "are too large: files end before 8388608t"},
	{D ",type=disk", "unknown type 'disk': known: reg blk chr dir dirsubdirs"},
	{D ",type=blok", "unknown type 'blok': did you mean 'blk'? known: reg blk chr dir "
			 "dirsubdirs"},
	{D ",type=dir,size=1k", "size= is for type=blk and type=reg, not for type=dir"},
	{D ",offset=0,type=chr", "offset= is for type=blk and type=reg, not for type=chr"},
	{D ",type=reg,sector=512", "sector= is for type=blk, not for type=reg"},
	{D ",sector=1024", "'sector=1024': want sector=512 or sector=4096"},
	{D "\n", "'hostpath=disk.img\\x0a' holds a control byte"},
	{"key=/a\\n,hostpath=b", "'\\n': want \\, for a comma in a word, \\\\ for a backslash"},
	{D "\\", "'\\': want \\, for a comma in a word, \\\\ for a backslash"},
};

int main(void)
{
	struct config_error error;
	struct drive_spec spec;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		/* of exactly the size that the header promises to be enough */
		char *buffer = malloc(strlen(good[i].text) + 1);

		if (!is_int(drive_spec_parse(good[i].text, buffer, strlen(good[i].text) + 1, &spec,
					     &error),
			    0, "'%s' is read", good[i].text)) {
			diag("%s", error.text);
			free(buffer);
			continue;
		}
		is_str(spec.key, good[i].key, "... its key");
		is_str(spec.hostpath, good[i].hostpath, "... its hostpath");
		is_int(spec.type, good[i].type, "... its type");
		is_int(spec.offset, good[i].offset, "... its offset");
		is_int(spec.size, good[i].size, "... its size");
		is_int(spec.is_readonly, good[i].is_readonly, "... whether it is read-only");
		is_int(spec.sector_size, good[i].sector_size, "... its sector");
		free(buffer);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *buffer = malloc(strlen(bad[i].text) + 1);

		memset(&spec, 0x55, sizeof(spec));
		is_int(drive_spec_parse(bad[i].text, buffer, strlen(bad[i].text) + 1, &spec,
					&error),
		       -EINVAL, "'%s' is refused", bad[i].text);
		is_str(error.text, bad[i].error, "... and told");
		is_int(spec.type, 0x55555555, "... and the result is untouched");
		is_int(drive_spec_parse(bad[i].text, buffer, strlen(bad[i].text) + 1, &spec, NULL),
		       -EINVAL, "... without an error too");
		free(buffer);
	}
	is_int(drive_spec_parse(D, (char[sizeof(D) - 1]){0}, sizeof(D) - 1, &spec, &error), -EINVAL,
	       "a buffer too small is refused");
	is_int(drive_spec_parse(D, NULL, 0, &spec, &error), -EINVAL, "none at all is refused");

	drive_spec_init(&spec);
	is_int(drive_spec_word(&spec, "key=/a", &error), -EINVAL, "a single word is never key=");
	is_str(error.text, "unknown word 'key': known: size offset type ro sector",
	       "... and told without naming it as known");
	is_int(drive_spec_word(&spec, "size=3", &error), 0, "words one by one");
	is_int(drive_spec_word(&spec, "size=3", &error), -EINVAL, "... none twice");
	is_int(drive_spec_check(&spec, &error), -EINVAL, "... checked together at the end");
	return done_testing();
}
