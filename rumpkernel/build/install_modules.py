#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""install_modules.py FROM TO: copies the module folder; TO is below the prefix."""

import os
import shutil
import sys


def main(source, below_prefix):
    target = os.path.join(os.environ["MESON_INSTALL_DESTDIR_PREFIX"], below_prefix)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for folder, _, files in os.walk(target):
        os.chmod(folder, 0o755)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o644)


main(*sys.argv[1:])
