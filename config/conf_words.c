/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of rump.conf that need no memory of their own.
 */
#include "conf_words.h"

#include <errno.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define HOSTNAME_MAX_BYTES 64 /* __NEW_UTS_LEN */

int conf_want(const char *word, const char *want, struct config_error *error)
{
	if (!word)
		return config_error_set(error, "want ", want, NULL);
	return config_error_set(error, "'", config_show(word, strlen(word)).text, "': want ", want,
				NULL);
}

int conf_no_more(char **words, const char *want, struct config_error *error)
{
	if (!*words)
		return 0;
	return config_error_set(error, "unknown word '", config_show(*words, strlen(*words)).text,
				"': want ", want, NULL);
}

int conf_component(char **words, struct rumpuser_boot_item *item, struct config_error *error)
{
	if (!words[0])
		return conf_want(NULL, "the component's NAME such as xfs", error);
	if (!config_is_name(words[0], NAME_MAX_BYTES, "_-.") || words[0][0] == '.' ||
	    words[0][0] == '-')
		return conf_want(words[0], "a component's name such as xfs: letters, digits, _ - .",
				 error);
	item->kind = RUMPUSER_BOOT_COMPONENT;
	item->name = words[0];
	return conf_no_more(words + 1, "one component a line", error);
}

/* A word of its own: it says what network there is, as `interface' does. */
int conf_sockin(char **words, struct rumpuser_boot_item *item, struct config_error *error)
{
	item->kind = RUMPUSER_BOOT_COMPONENT;
	item->name = "sockin";
	return conf_no_more(words, "nothing behind it", error);
}

int conf_hostname(char **words, struct rumpuser_boot_item *item, struct config_error *error)
{
	if (!words[0])
		return conf_want(NULL, "a NAME such as box", error);
	if (!config_is_name(words[0], HOSTNAME_MAX_BYTES, "_-."))
		return conf_want(words[0],
				 "a host name such as box.example.org: at most 64 letters, digits, "
				 "- . _",
				 error);
	item->kind = RUMPUSER_BOOT_HOSTNAME;
	item->name = words[0];
	return conf_no_more(words + 1, "one name", error);
}

int conf_mkdir(char **words, struct rumpuser_boot_item *item, struct config_error *error)
{
	if (!words[0])
		return conf_want(NULL, "an absolute PATH such as /mnt", error);
	if (config_normalise_path(words[0]))
		return conf_want(words[0], "an absolute path such as /mnt", error);
	if (!strcmp(words[0], "/"))
		return conf_want(words[0], "a directory that is not there already", error);
	item->kind = RUMPUSER_BOOT_MKDIR;
	item->name = words[0];
	return conf_no_more(words + 1, "one path a line", error);
}

/*
 * Each file system has options of its own, so only the kernel can judge them.  But no file
 * system has one of a single letter, or of two that nearly read ro or rw: those are typing
 * slips in the word that decides whether data is written.
 */
static int check_options(const char *options, struct config_error *error)
{
	static const char *const names[] = {"ro", "rw", NULL};

	if (!*options || *options == ',')
		return conf_want(options, "OPTIONS such as ro,noatime", error);
	for (;;) {
		size_t length = strcspn(options, ",");

		if (length == 1 ||
		    (length == 2 && config_nearest(options, length, names) &&
		     !config_equal(options, length, "ro") && !config_equal(options, length, "rw")))
			return config_error_set(error, "unknown word '",
						config_show(options, length).text,
						"': want OPTIONS such as ro,noatime", NULL);
		options += length;
		if (!*options)
			return 0;
		options++;
	}
}

int conf_mount(char **words, struct rumpuser_boot_item *item, struct config_error *error)
{
	bool is_auto = words[0] && !strcmp(words[0], "auto");

	for (int i = 0; i < 3; i++) {
		if (!words[i])
			return conf_want(NULL, "FSTYPE|auto SOURCE TARGET [OPTIONS]", error);
	}
	if (!config_is_name(words[0], NAME_MAX_BYTES, "_-."))
		return conf_want(words[0], "a file system such as ext4, or auto", error);
	if (!*words[1])
		return conf_want(words[1], "a SOURCE such as /dev/vda or none", error);
	if (is_auto && words[1][0] != '/')
		return conf_want(words[1],
				 "a device such as /dev/vda: auto finds the file system by looking",
				 error);
	if (words[1][0] == '/')
		config_normalise_path(words[1]);
	if (config_normalise_path(words[2]))
		return conf_want(words[2], "a TARGET that is an absolute path such as /mnt", error);
	if (words[3]) {
		int result = check_options(words[3], error);

		if (!result)
			result = conf_no_more(words + 4, "OPTIONS such as ro,noatime in one word",
					      error);
		if (result)
			return result;
	}
	item->kind = RUMPUSER_BOOT_MOUNT;
	item->fstype = is_auto ? "" : words[0];
	item->source = words[1];
	item->name = words[2];
	item->options = words[3] ? words[3] : "";
	return 0;
}

int conf_sysctl_name(char *name, struct config_error *error)
{
	static const char want[] = "a name such as net.ipv4.ip_forward";
	size_t prefix = strlen("/proc/sys/");
	char first;

	if (!strncmp(name, "/proc/sys/", prefix))
		memmove(name, name + prefix, strlen(name + prefix) + 1);
	if (!config_is_name(name, 255, "_-./:@"))
		return conf_want(name, want, error);
	/*
	 * As sysctl(8) has it: the separator that comes first is the one, the other is
	 * part of names, with its meaning turned round: net.ipv4.conf.eth0/1.forwarding is
	 * that of interface eth0.1.
	 */
	first = name[strcspn(name, "./")];
	if (!first)
		return conf_want(name, want, error);
	if (first == '.') {
		for (char *c = name; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	}
	for (const char *part = name;;) {
		size_t length = strcspn(part, "/");

		if (!length || config_equal(part, length, ".") || config_equal(part, length, ".."))
			return conf_want(name, want, error);
		part += length;
		if (!*part)
			return 0;
		part++;
	}
}
