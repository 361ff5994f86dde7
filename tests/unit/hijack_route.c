/* SPDX-License-Identifier: BSD-2-Clause */
/* hijack_route.c - which side a path belongs to */
#include <errno.h>
#include <limits.h>

#include "route.h"
#include "tap.h"

static struct hijack_config config;

static void configure(const char *text)
{
	struct config_error error;

	if (hijack_config_parse(text, &config, &error))
		bail_out("%s: %s", text, error.text);
}

static void is_route(const char *path, enum route_side side, const char *want)
{
	char buffer[ROUTE_PATH_MAX];
	struct route route;
	int error = route_absolute(&config, path, buffer, &route);

	is(error, 0, "%s: no error", path);
	is(route.side, side, "%s is on the %s", path, side == ROUTE_RUMP ? "rump side" : "host");
	is_str(route.path, want, "%s is %s there", path, want);
}

static void test_path(void)
{
	configure("path=/rump");
	is_route("/rump", ROUTE_RUMP, "/");
	is_route("/rump/", ROUTE_RUMP, "/");
	is_route("/rump/etc", ROUTE_RUMP, "/etc");
	is_route("/rump/etc/", ROUTE_RUMP, "/etc/");
	is_route("/rump//etc", ROUTE_RUMP, "//etc");
	is_route("//rump/etc", ROUTE_RUMP, "/etc");
	is_route("/./rump/./etc", ROUTE_RUMP, "/./etc");
	is_route("/rumpdev", ROUTE_HOST, "/rumpdev");
	is_route("/rum", ROUTE_HOST, "/rum");
	is_route("/", ROUTE_HOST, "/");
	is_route("//", ROUTE_HOST, "//");
	is_route("/etc/rump", ROUTE_HOST, "/etc/rump");
	is_route("/etc/../rump/x", ROUTE_RUMP, "/x");
	is_route("/../rump/x", ROUTE_RUMP, "/x");
	is_route("/a/b/../../rump", ROUTE_RUMP, "/");
	is_route("/a/b/../rump", ROUTE_HOST, "/a/b/../rump");
	/* symlinks inside decide what .. means there */
	is_route("/rump/a/../b", ROUTE_RUMP, "/a/../b");
	is_route("/rump/a/b/../..", ROUTE_RUMP, "/a/b/../..");
	is_route("/rump/..", ROUTE_HOST, "/");
	is_route("/rump/../etc", ROUTE_HOST, "/etc");
	is_route("/rump/./../etc//passwd/.", ROUTE_HOST, "/etc/passwd");
	is_route("/rump/a/../../etc", ROUTE_HOST, "/etc");
	is_route("/rump/../rump/x", ROUTE_RUMP, "/x");
	is_route("/rump/../../..", ROUTE_HOST, "/");
	is_route("/rump/...", ROUTE_RUMP, "/...");
	is_route("/rump/..x", ROUTE_RUMP, "/..x");
}

static void test_several(void)
{
	configure("path=/mnt/rump,path=/r");
	is_route("/mnt/rump/x", ROUTE_RUMP, "/x");
	is_route("/mnt/x", ROUTE_HOST, "/mnt/x");
	is_route("/mnt/rump/../x", ROUTE_HOST, "/mnt/x");
	is_route("/mnt/../r/x", ROUTE_RUMP, "/x");
	is_route("/mnt/x/../rump", ROUTE_RUMP, "/");
	is_route("/mnt/rumpx", ROUTE_HOST, "/mnt/rumpx");
	is_route("/mntrump", ROUTE_HOST, "/mntrump");
	is_route("/r/../mnt/rump/y", ROUTE_RUMP, "/y");
	configure("path=/rump,blanket=/rump/dev");
	is_route("/rump/dev/null", ROUTE_RUMP, "/rump/dev/null");
	is_route("/rump/x", ROUTE_RUMP, "/x");
}

static void test_blanket(void)
{
	configure("blanket=/dev/rump,blanket=/opt");
	is_route("/opt", ROUTE_RUMP, "/opt");
	is_route("/opt/x/../y", ROUTE_RUMP, "/opt/x/../y");
	is_route("/opt/../etc", ROUTE_HOST, "/etc");
	is_route("/dev/rump/x", ROUTE_RUMP, "/dev/rump/x");
	is_route("/dev/./rump/x", ROUTE_RUMP, "/dev/rump/x");
	is_route("/dev/null", ROUTE_HOST, "/dev/null");
	is_route("/dev/rump/../null", ROUTE_HOST, "/dev/null");
	is_route("/x/../opt//y", ROUTE_RUMP, "/opt//y");
	is_route("/options", ROUTE_HOST, "/options");
}

static void test_lengths(void)
{
	char path[3 * ROUTE_PATH_MAX], buffer[ROUTE_PATH_MAX];
	struct route route;

	configure("path=/rump,blanket=/opt");
	/* out through the prefix: the text is made new, and may be too long for that */
	strcpy(path, "/rump/..");
	for (int i = 0; i < ROUTE_PATH_MAX / 2; i++)
		strcat(path, "/ab");
	is(route_absolute(&config, path, buffer, &route), -ENAMETOOLONG, "too long to normalise");
	is(route_absolute(&config, "/rump/../x", NULL, &route), -ENOBUFS, "needs a buffer");
	is(route_absolute(&config, "/rump/x", NULL, &route), 0, "needs none");
	strcpy(path, "/x/../opt/");
	memset(path + strlen(path), 'y', 5000);
	path[5010] = '\0';
	is(route_absolute(&config, path, buffer, &route), -ENAMETOOLONG, "blanket, too long");
	is(route_join("/rump", "/", "x", buffer), 0, "joins");
	is_str(buffer, "/rump//x", "joined");
	is(route_join("/rump", path, "x", buffer), -ENAMETOOLONG, "joined too long");
}

static void test_relative(void)
{
	configure("path=/mnt/rump,blanket=/opt/dev");
	ok(route_may_enter(&config, "rump/x"), "rump/x may enter");
	ok(route_may_enter(&config, "a/../mnt/rump"), "a/../mnt/rump may enter");
	ok(route_may_enter(&config, "dev"), "dev may enter");
	ok(!route_may_enter(&config, "rumpx/x"), "rumpx/x may not");
	ok(!route_may_enter(&config, "mnt/x"), "mnt/x may not");
	ok(!route_may_enter(&config, ""), "nothing may not");
	ok(route_has_dotdot("a/.."), "a/.. has");
	ok(route_has_dotdot(".."), ".. has");
	ok(!route_has_dotdot("a/...b/..c"), "a/...b/..c has not");
}

int main(void)
{
	test_path();
	test_several();
	test_blanket();
	test_lengths();
	test_relative();
	return done_testing();
}
