// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of the kernel's own: files that start with "#rump WORD" and are
 * "executed" by running kernel code.  So kernel_init() finds its /init and ends
 * as it should, and request_module() finds its /sbin/modprobe.
 */
#include <linux/binfmts.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/init_syscalls.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <asm/rump.h>
#include "module_index.h"

#define MAGIC "#rump "

static int init_program(void *arg)
{
	rump_init_loop();
	return 0;
}

/* modprobe -q -- NAME: the last argument. */
static int modprobe_program(void *arg)
{
	char *name = arg;
	int err = rump_module_load_by_alias(name);

	kfree(name);
	do_exit(err ? 1 << 8 : 0);
}

/* The last argument of an exec that has not begun yet. */
static char *last_argument(struct linux_binprm *bprm)
{
	unsigned long address = bprm->p, i;
	char *text = kmalloc(PAGE_SIZE, GFP_KERNEL);
	int length, n;

	if (!text)
		return NULL;
	for (i = 0; i < bprm->argc; i++) {
		length = access_remote_vm(bprm->mm, address, text, PAGE_SIZE - 1, 0);
		if (length <= 0)
			goto fail;
		text[length] = '\0';
		n = strnlen(text, length);
		if (n == length)
			goto fail;
		address += n + 1;
	}
	return text;
fail:
	kfree(text);
	return NULL;
}

static int load_program(struct linux_binprm *bprm)
{
	int (*fn)(void *);
	char *argument = NULL;
	int err;

	if (memcmp(bprm->buf, MAGIC, strlen(MAGIC)))
		return -ENOEXEC;
	if (!strcmp(bprm->buf + strlen(MAGIC), "init\n")) {
		fn = init_program;
	} else if (!strcmp(bprm->buf + strlen(MAGIC), "modprobe\n")) {
		fn = modprobe_program;
		argument = last_argument(bprm);
		if (!argument)
			return -ENOMEM;
	} else {
		return -ENOEXEC;
	}
	err = begin_new_exec(bprm);
	if (err) {
		kfree(argument);
		return err;
	}
	setup_new_exec(bprm);
	set_binfmt(NULL);
	finalize_exec(bprm);
	/* a new task calls it when this function has returned, see rump_task_start() */
	current->thread.fn = fn;
	current->thread.fn_arg = argument;
	return 0;
}

static struct linux_binfmt program_format = { .load_binary = load_program };

static void __init make_program(const char *path, const char *text)
{
	struct file *file = filp_open(path, O_CREAT | O_RDWR, 0755);
	loff_t pos = 0;

	if (IS_ERR(file))
		panic("rump: cannot make %s: %ld", path, PTR_ERR(file));
	kernel_write(file, text, strlen(text), &pos);
	fput(file);
	task_work_run();	/* the file is closed for writing only now */
}

static int __init make_programs(void)
{
	register_binfmt(&program_format);
	init_mkdir("/sbin", 0755);
	make_program("/init", MAGIC "init\n");
	make_program("/sbin/modprobe", MAGIC "modprobe\n");
	return 0;
}
late_initcall(make_programs);
