/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret.h - the file with what clients of a tcp:// server must know.
 */
#ifndef RUMP_TOOLS_SECRET_H
#define RUMP_TOOLS_SECRET_H

/*
 * Makes a file that only its owner can read, with a new secret in it: hexadecimal digits
 * and a newline.  0 or -errno: -EEXIST, a secret is never replaced.
 */
int secret_make(const char *path);

#endif
