/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel starts with: components, RUMP_CONF, texts, in this order. */
#include "rumpuser_common.h"

#define CHECK(condition)                                                                      \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			diag("line %d: %s; %s", __LINE__, #condition, rumpuser_boot_error()); \
			return 1;                                                             \
		}                                                                             \
	} while (0)

static char loaded[64];
static int load_result;

static int component_load(const char *name)
{
	strncat(loaded, name, sizeof(loaded) - strlen(loaded) - 1);
	return load_result;
}

static const struct rumpuser_upcalls upcalls = {
	.version = RUMPUSER_VERSION,
	.component_load = component_load,
};
static const struct rumpuser_ops *ops;
static const struct rumpuser_boot_item *items;
static unsigned int count = 99;

static int nothing_given(void)
{
	ops = ops_of(&upcalls);
	CHECK(ops->boot_items(&items, &count) == 0);
	CHECK(count == 0 && items);
	CHECK(ops->boot_conf("mkdir /late\n", "text") == -EBUSY);
	return 0;
}

static void write_conf(const char *text)
{
	FILE *file = fopen(temp_path("rump.conf"), "w");

	fputs(text, file);
	fclose(file);
	setenv("RUMP_CONF", temp_path("rump.conf"), 1);
}

static int all_in_order(void)
{
	const struct rumpuser_boot_item *again;
	char name[] = "xfs", path[160];

	write_conf("hostname box\ndrive /dev/disk disk.img ro\n");
	rumpuser_component_add(name);
	memset(name, 'x', 3); /* the library with the name is gone */
	rumpuser_component_add("vfat");
	ops = ops_of(&upcalls);
	errno = EXDEV;
	CHECK(ops->boot_conf("mkdir /one\n", "first") == 0);
	CHECK(ops->boot_conf("drive /dev/b b.img\n", "second") == 0);
	CHECK(ops->boot_items(&items, &count) == 0);
	CHECK(errno == EXDEV);
	CHECK(count == 6);
	CHECK(items[0].kind == RUMPUSER_BOOT_COMPONENT && !strcmp(items[0].name, "xfs"));
	CHECK(items[1].kind == RUMPUSER_BOOT_COMPONENT && !strcmp(items[1].name, "vfat"));
	CHECK(items[0].source && items[0].fstype && items[0].options && items[0].file);
	CHECK(items[2].kind == RUMPUSER_BOOT_HOSTNAME && !strcmp(items[2].name, "box"));
	CHECK(items[3].kind == RUMPUSER_BOOT_DRIVE && items[3].is_readonly == 1);
	snprintf(path, sizeof(path), "%s", temp_path("disk.img"));
	CHECK(!strcmp(items[3].source, path));
	CHECK(items[4].kind == RUMPUSER_BOOT_MKDIR && !strcmp(items[4].name, "/one"));
	CHECK(items[5].kind == RUMPUSER_BOOT_DRIVE);
	if (!getcwd(path, sizeof(path) - 8))
		return 1;
	strcat(path, "/b.img");
	CHECK(!strcmp(items[5].source, path));
	CHECK(ops->boot_items(&again, &count) == 0 && again == items && count == 6);
	CHECK(loaded[0] == '\0');
	return 0;
}

static int bad_text(void)
{
	ops = ops_of(&upcalls);
	CHECK(ops->boot_conf("mkdir /one\nmuont ext4\n", "text") == -EINVAL);
	CHECK(strstr(rumpuser_boot_error(), "text:2") && strstr(rumpuser_boot_error(), "mount"));
	CHECK(ops->boot_items(&items, &count) == 0 && count == 0);
	return 0;
}

static int bad_file(void)
{
	write_conf("hostname\n");
	ops = ops_of(&upcalls);
	CHECK(ops->boot_items(&items, &count) == -EINVAL);
	CHECK(strstr(rumpuser_boot_error(), "rump.conf:1"));
	CHECK(count == 99);
	return 0;
}

static int missing_file(void)
{
	setenv("RUMP_CONF", "/nonexistent/rump.conf", 1);
	ops = ops_of(&upcalls);
	CHECK(ops->boot_items(&items, &count) == -ENOENT);
	CHECK(strstr(rumpuser_boot_error(), "/nonexistent/rump.conf"));
	return 0;
}

static int empty_name(void)
{
	setenv("RUMP_CONF", "", 1);
	ops = ops_of(&upcalls);
	CHECK(ops->boot_items(&items, &count) == 0 && count == 0);
	return 0;
}

static int component_after_boot(void)
{
	ops = ops_of(&upcalls);
	CHECK(ops->boot_items(&items, &count) == 0);
	rumpuser_component_add("btrfs");
	CHECK(!strcmp(loaded, "btrfs"));
	return 0;
}

static int component_fails(void)
{
	char text[128] = "";
	int fds[2];

	CHECK(!pipe(fds));
	dup2(fds[1], STDERR_FILENO);
	load_result = -ENOENT;
	component_after_boot();
	CHECK(read(fds[0], text, sizeof(text) - 1) > 0);
	CHECK(!strcmp(text, "rump: component btrfs: No such file or directory\n"));
	return 0;
}

int main(void)
{
	unsetenv("RUMP_CONF");
	is(in_child(nothing_given), 0, "nothing");
	temp_path("");
	is(in_child(all_in_order), 0, "components, RUMP_CONF and texts, in this order");
	is(in_child(bad_text), 0, "a bad text is told with its line, and adds nothing");
	is(in_child(bad_file), 0, "a bad RUMP_CONF is told with its line");
	is(in_child(missing_file), 0, "a missing one by its name");
	is(in_child(empty_name), 0, "an empty RUMP_CONF is none");
	is(in_child(component_after_boot), 0, "a component that comes after boot is loaded");
	is(in_child(component_fails), 0, "and if it cannot be, stderr says so");
	return done_testing();
}
