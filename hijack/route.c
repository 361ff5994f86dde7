/* SPDX-License-Identifier: BSD-2-Clause */
/* route.c - which side a path belongs to; see route.h */
#include <errno.h>
#include <string.h>

#include "route.h"

/* The next component of *path, which is moved behind it; NULL at the end. */
static const char *next_component(const char **path, size_t *ret_length)
{
	const char *start = *path, *end;

	while (*start == '/')
		start++;
	if (!*start)
		return NULL;
	end = start;
	while (*end && *end != '/')
		end++;
	*path = end;
	*ret_length = end - start;
	return start;
}

static int is_dot(const char *component, size_t length)
{
	return length == 1 && component[0] == '.';
}

static int is_dotdot(const char *component, size_t length)
{
	return length == 2 && component[0] == '.' && component[1] == '.';
}

struct match {
	const char *inside; /* the rest below the prefix, NULL: it ends outside */
	int has_left;	    /* it was inside and went out again */
};

/*
 * Walks path along one prefix.  `at` is how far into the prefix the directory
 * reached so far lies, `beside` how many components off it.
 */
static struct match match_prefix(const struct hijack_prefix *prefix, const char *path)
{
	const char *end = prefix->text + prefix->length;
	const char *at = prefix->text;
	const char *component;
	size_t length;
	int beside = 0;
	struct match match = {NULL, 0};

	while ((component = next_component(&path, &length))) {
		if (is_dot(component, length))
			continue;
		if (is_dotdot(component, length)) {
			if (beside) {
				beside--;
			} else if (at > prefix->text) {
				if (at == end) {
					match.has_left = 1;
					match.inside = NULL;
				}
				while (*--at != '/')
					;
			}
			continue;
		}
		if (at == end || beside) {
			beside++;
			continue;
		}
		if ((size_t)(end - at) > length && !memcmp(at + 1, component, length) &&
		    (at + 1 + length == end || at[1 + length] == '/')) {
			at += 1 + length;
			if (at == end)
				match.inside = path;
		} else {
			beside++;
		}
	}
	return match;
}

/* The text with ".", ".." and empty components taken out. */
static int normalise(const char *path, char *buffer)
{
	const char *component;
	size_t length, used = 0;

	while ((component = next_component(&path, &length))) {
		if (is_dot(component, length))
			continue;
		if (is_dotdot(component, length)) {
			while (used && buffer[--used] != '/')
				;
			continue;
		}
		if (used + length + 2 > ROUTE_PATH_MAX)
			return -ENAMETOOLONG;
		buffer[used++] = '/';
		memcpy(buffer + used, component, length);
		used += length;
	}
	if (!used)
		buffer[used++] = '/';
	buffer[used] = '\0';
	return 0;
}

/* Whether no component is empty, "." or begins with a dot: the text is what it looks like. */
static int is_plain(const char *path)
{
	for (; *path; path++)
		if (*path == '/' && (path[1] == '/' || path[1] == '.'))
			return 0;
	return 1;
}

static int is_below(const struct hijack_prefix *prefix, const char *path)
{
	return !strncmp(path, prefix->text, prefix->length) &&
	       (!path[prefix->length] || path[prefix->length] == '/');
}

/* Nearly all paths. */
static void route_plain(const struct hijack_config *config, const char *path,
			struct route *ret_route)
{
	size_t longest = 0;

	*ret_route = (struct route){ROUTE_HOST, path, ""};
	for (unsigned int i = 0; i < config->path_count; i++) {
		const struct hijack_prefix *prefix = &config->path[i];

		if (prefix->length <= longest || !is_below(prefix, path))
			continue;
		longest = prefix->length;
		*ret_route = (struct route){ROUTE_RUMP, path[longest] ? path + longest : "/",
					    prefix->text};
	}
	for (unsigned int i = 0; i < config->blanket_count; i++) {
		if (config->blanket[i].length <= longest || !is_below(&config->blanket[i], path))
			continue;
		longest = config->blanket[i].length;
		*ret_route = (struct route){ROUTE_RUMP, path, ""};
	}
}

int route_absolute(const struct hijack_config *config, const char *path, char *buffer,
		   struct route *ret_route)
{
	const struct hijack_prefix *best = NULL;
	const char *inside = NULL;
	int is_blanket = 0, has_left = 0;
	struct match match;

	if (is_plain(path)) {
		route_plain(config, path, ret_route);
		return 0;
	}
	for (unsigned int i = 0; i < config->path_count; i++) {
		match = match_prefix(&config->path[i], path);
		has_left |= match.has_left;
		if (match.inside && (!best || config->path[i].length > best->length)) {
			best = &config->path[i];
			inside = match.inside;
		}
	}
	for (unsigned int i = 0; i < config->blanket_count; i++) {
		match = match_prefix(&config->blanket[i], path);
		has_left |= match.has_left;
		if (match.inside && (!best || config->blanket[i].length > best->length)) {
			best = &config->blanket[i];
			inside = match.inside;
			is_blanket = 1;
		}
	}
	if (!best) {
		/* the way through a prefix does not exist on the host */
		if (has_left) {
			int error = buffer ? normalise(path, buffer) : -ENOBUFS;

			if (error)
				return error;
			path = buffer;
		}
		*ret_route = (struct route){ROUTE_HOST, path, ""};
		return 0;
	}
	if (!is_blanket) {
		*ret_route = (struct route){ROUTE_RUMP, *inside ? inside : "/", best->text};
		return 0;
	}
	if (inside != path + best->length) {
		/* it came by a detour: put the prefix itself in front */
		size_t rest = strlen(inside);

		if (!buffer)
			return -ENOBUFS;
		if (best->length + rest >= ROUTE_PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(buffer, best->text, best->length);
		memcpy(buffer + best->length, inside, rest + 1);
		path = buffer;
	}
	*ret_route = (struct route){ROUTE_RUMP, path, ""};
	return 0;
}

int route_join(const char *outside, const char *directory, const char *path, char *buffer)
{
	const char *pieces[] = {outside, directory, "/", path};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t length = strlen(pieces[i]);

		if (used + length >= ROUTE_PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(buffer + used, pieces[i], length);
		used += length;
	}
	buffer[used] = '\0';
	return 0;
}

int route_has_dotdot(const char *path)
{
	const char *component;
	size_t length;

	while ((component = next_component(&path, &length)))
		if (is_dotdot(component, length))
			return 1;
	return 0;
}

static int may_end_in(const struct hijack_prefix *prefix, const char *path)
{
	const char *last = prefix->text + prefix->length, *component;
	size_t length;

	while (last[-1] != '/')
		last--;
	while ((component = next_component(&path, &length)))
		if (!strncmp(component, last, length) && !last[length])
			return 1;
	return 0;
}

int route_may_enter(const struct hijack_config *config, const char *path)
{
	for (unsigned int i = 0; i < config->path_count; i++)
		if (may_end_in(&config->path[i], path))
			return 1;
	for (unsigned int i = 0; i < config->blanket_count; i++)
		if (may_end_in(&config->blanket[i], path))
			return 1;
	return 0;
}
