/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hijack_config.h - the RUMPHIJACK string; its words: rumphijack(7).
 *
 * hijack_config_parse() runs in the constructor of a preload: it does not
 * allocate, lock, use stdio, touch errno or make a system call, and needs about
 * 8 KiB of stack.  Everything it finds lies in struct hijack_config, which the
 * caller provides (static storage is best: about 10 KiB).  The pointers in it
 * point into the struct itself: do not copy or move it.
 */
#ifndef RUMP_HIJACK_CONFIG_H
#define RUMP_HIJACK_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config_error.h"

#define HIJACK_CONFIG_TEXT_MAX 4095   /* bytes in a RUMPHIJACK string */
#define HIJACK_CONFIG_PATHS_MAX 16    /* path= prefixes */
#define HIJACK_CONFIG_BLANKETS_MAX 32 /* blanket= prefixes */
#define HIJACK_CONFIG_BOOT_MAX 32     /* words that a kernel starts with */

/* What stands for RUMPHIJACK when it is not set. */
#define HIJACK_CONFIG_DEFAULT "path=/rump,socket=all:nolocal"

/* Which rump kernel the program gets. */
enum hijack_kernel {
	HIJACK_KERNEL_LOCAL,  /* in this process (default) */
	HIJACK_KERNEL_SPAWN,  /* in a private server process */
	HIJACK_KERNEL_SERVER, /* in the server that RUMP_SERVER names */
	HIJACK_KERNEL_FAMILY, /* in memory shared with the children */
};

/* How system call instructions that no symbol leads to are caught. */
enum hijack_trap {
	HIJACK_TRAP_ON,	   /* trapped, hot sites patched as the library sees fit (default) */
	HIJACK_TRAP_OFF,   /* not at all */
	HIJACK_TRAP_LAZY,  /* trapped; a site is patched after some hits */
	HIJACK_TRAP_EAGER, /* all sites are patched at start */
};

/* Bits of hijack_config.vfs. */
#define HIJACK_VFS_FHCALLS 0x1 /* name_to_handle_at and open_by_handle_at */
#define HIJACK_VFS_ALL (HIJACK_VFS_FHCALLS)

enum hijack_boot_kind {
	HIJACK_BOOT_CONF,      /* text: path of a rump.conf */
	HIJACK_BOOT_IMAGE,     /* text: host file for /dev/image, mounted at / */
	HIJACK_BOOT_DRIVE,     /* text: drive spec, drive.h */
	HIJACK_BOOT_MOUNT,     /* text: FSTYPE SOURCE TARGET [OPTIONS] as in rump.conf */
	HIJACK_BOOT_COMPONENT, /* text: name */
	HIJACK_BOOT_NET,       /* name: the line's; text: the words behind it as in rump.conf */
};

struct hijack_prefix {
	const char *text; /* absolute, normalised, never "/"; no '/' at its end */
	size_t length;
};

struct hijack_config {
	/* path=: /rump/x is /x of the rump kernel. Longest match wins. */
	struct hijack_prefix path[HIJACK_CONFIG_PATHS_MAX];
	unsigned int path_count;
	/* blanket=: these go to the rump kernel as they are */
	struct hijack_prefix blanket[HIJACK_CONFIG_BLANKETS_MAX];
	unsigned int blanket_count;
	uint64_t sockets; /* bit n: sockets of family AF n go to the rump kernel */
	unsigned int vfs; /* HIJACK_VFS_* */
	bool has_sysctl;  /* sysctl=yes */
	/* of these two the default is yes where sockets of inet or inet6 are routed */
	bool has_net;	   /* net=: /proc/net, /sys/class/net are the rump kernel's */
	bool has_resolver; /* resolver=: so are the files that names are looked up by */
	int fdoff;	   /* fdoff=; -1: not given */

	enum hijack_kernel kernel;
	bool kernel_is_set; /* kernel= was given: RUMP_SERVER does not change it */
	enum hijack_trap trap;
	bool trap_is_set;
	const char *log;   /* log=FILE or NULL */
	bool log_unrouted; /* log=unrouted */
	bool is_strict;	   /* strict=yes */

	/* what the kernel starts with, in the order given */
	struct {
		enum hijack_boot_kind kind;
		const char *name; /* the word's own */
		const char *text;
	} boot[HIJACK_CONFIG_BOOT_MAX];
	unsigned int boot_count;

	char storage[HIJACK_CONFIG_TEXT_MAX + 1 + sizeof(HIJACK_CONFIG_DEFAULT)];
	size_t storage_used;
};

/*
 * text: the value of RUMPHIJACK; NULL (not set) means HIJACK_CONFIG_DEFAULT, ""
 * hijacks nothing.  A text with none of path= blanket= socket= vfs= sysctl= net=
 * resolver= says how, but not what: it gets path= and socket= of the default.
 * Returns 0 or -EINVAL; then error->text is one line such as
 *	at 7: unknown word 'pth': did you mean 'path'? known: path blanket ...
 * (without "RUMPHIJACK: " in front; positions count bytes from 1) and config
 * hijacks nothing, except that is_strict is what a readable strict= word says, so
 * that the caller knows whether to go on.
 */
int hijack_config_parse(const char *text, struct hijack_config *config, struct config_error *error);

/* Whether sockets of this family (AF_INET ...) go to the rump kernel. */
static inline bool hijack_config_has_family(const struct hijack_config *config, int family)
{
	return family >= 0 && family < 64 && (config->sockets >> family & 1);
}

/* Whether anything at all is hijacked; if not, the preload can stay out of the way. */
static inline bool hijack_config_is_active(const struct hijack_config *config)
{
	return config->path_count || config->blanket_count || config->sockets || config->vfs ||
	       config->has_sysctl || config->has_net || config->has_resolver;
}

/*
 * The lines of rump.conf(5) that the conf=, component=, image=, drive=, mount= and
 * network words stand for, for rump_boot_conf().  base_dir: absolute directory that
 * relative host paths mean (the working directory when the program started); NULL
 * leaves them relative.
 * Like snprintf: writes at most size bytes with a NUL at the end and returns the
 * length of the whole text, which was cut when that is >= size (nothing is written
 * with size 0).  "" when there are no such words.  HIJACK_CONFIG_BOOT_TEXT_MAX bytes
 * are always enough with a base_dir of up to 4096 bytes.  Neither allocates nor locks.
 */
size_t hijack_config_boot_text(const struct hijack_config *config, const char *base_dir,
			       char *buffer, size_t size);
#define HIJACK_CONFIG_BOOT_TEXT_MAX \
	(4 * (HIJACK_CONFIG_TEXT_MAX + 1) + HIJACK_CONFIG_BOOT_MAX * (2 * 4096 + 128))

#endif
