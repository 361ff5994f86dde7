#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Builds the rump kernel: the driver that meson runs.

    kernel.py image    librump.so (and its debug file) from the Linux source, the
                       overlay rumpkernel/linux and the options of all components
    kernel.py modules  the components' modules and their index, after image
    kernel.py check    fails with a clear line where image would, before it takes time
    kernel.py tree     makes the tree only, with a link to it, WORK/tree

The way: source.py finds the Linux source and makes a tree, overlay.py lays
arch/rump into it, kconfig.py makes the .config, gen_syscalls.py the rump_sys_*
functions, kmake.py runs make, modindex.py
collects the modules.  Every step does nothing when its input is unchanged.

The work folder holds:
    unpacked/NAME or farm-HASH    the tree
    tree                          a link to it
    obj, obj-debug, obj-clang...  build folders, each with its logs
"""

import argparse
import fcntl
import os
import subprocess
import sys

sys.dont_write_bytecode = True      # the source folder stays as it is

import components
import gen_syscalls
import kconfig
import kmake
import modindex
import overlay
import prelink
import report
import source

HERE = os.path.dirname(os.path.abspath(__file__))
RUMPKERNEL = os.path.dirname(HERE)
TOP = os.path.dirname(RUMPKERNEL)
OVERLAY = os.path.join(RUMPKERNEL, "linux")
HEADERS = os.path.join(TOP, "include/rump")
DEFINITIONS = os.path.join(RUMPKERNEL, "components/components.def")
SONAME = "librump.so.0"

# Gives librump.so its DT_NEEDED; the real library is made by rumpuser/.
STUB = """
void *rumpuser_init(void) { return 0; }
void *rumpuser_boot_error(void) { return 0; }
"""


class Build:
    """One configuration of the kernel and where it is built."""

    def __init__(self, options):
        self.options = options
        self.work = os.path.abspath(options.work)
        self.source = source.Source(options.source)
        known = components.read_all(DEFINITIONS)
        self.components = components.select(known, options.components.replace(",", " ").split())
        kind = [options.compiler] if options.compiler != "gcc" else []
        kind += ["debug"] if options.debug else []
        self.objects = os.path.join(self.work, "-".join(["obj", *kind]))
        self.tree = self.release = self.make = None

    def fragments(self):
        wanted = [os.path.join(HERE, "base.config")]
        wanted += [component.fragment for component in self.components if component.fragment]
        if self.options.debug:
            wanted.append(os.path.join(HERE, "debug.config"))
        return wanted

    def inputs(self):
        scripts = [module.__file__ for module in
                   (components, kconfig, kmake, modindex, overlay, prelink, report, source)]
        return [*self.source.inputs(), *overlay.inputs(self.options.overlay, HEADERS),
                os.path.abspath(__file__), *scripts, *gen_syscalls.inputs(), DEFINITIONS, *self.fragments()]

    def make_tree(self):
        self.tree, self.release = self.source.lay(self.work)
        overlay.lay(self.tree, os.path.abspath(self.options.overlay), HEADERS)
        # a name that does not depend on the source
        link = os.path.join(self.work, "tree")
        if not (os.path.islink(link) and os.readlink(link) == self.tree):
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(self.tree, link)

    def prepare(self):
        self.make_tree()
        os.makedirs(self.objects, exist_ok=True)
        self.make = kmake.Make(self.tree, self.objects, self.work, self.options.jobs,
                               self.options.compiler)
        strict = {component.fragment for component in self.components}
        self.make.extra = [f"RUMP_STUB_LIB={self.make_stub()}"]
        kconfig.configure(kconfig.merge(self.fragments()), self.tree, self.objects, self.make,
                          strict)
        # <generated/...> of the build folder: the tree itself stays the source
        gen_syscalls.generate(self.tree, rows=os.path.join(
            self.objects, "include/generated/rump_syscalls.inc"))

    def make_stub(self):
        """A library that only has librumpuser's soname, for the link of the image."""
        library = os.path.join(self.objects, "rump-stub/librumpuser.so")
        if not os.path.exists(library):
            os.makedirs(os.path.dirname(library), exist_ok=True)
            subprocess.run(
                ["gcc", "-shared", "-nostdlib", "-fPIC", "-xc", "-", "-o", library,
                 "-Wl,-soname,librumpuser.so.0"],
                input=STUB, text=True, check=True,
            )
        return library

    def image(self):
        self.prepare()
        self.make.run("compiling", ["vmlinux"], log="image.log")
        vmlinux = os.path.join(self.objects, "vmlinux")
        out = os.path.abspath(self.options.output)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        debug = os.path.join(os.path.dirname(out), SONAME + ".debug")
        # vmlinux of another build folder (kernel_debug) may well be older than out
        made_of = f"{vmlinux} {os.stat(vmlinux).st_mtime_ns}\n"
        note = os.path.join(os.path.dirname(out), ".librump.made-of")
        if not os.path.exists(out) or _read(note) != made_of:
            subprocess.run(["objcopy", "--only-keep-debug", vmlinux, debug], check=True)
            fresh = out + ".new"
            subprocess.run(["objcopy", "--strip-debug", f"--add-gnu-debuglink={debug}",
                            vmlinux, fresh], check=True)
            prelink.prelink(fresh)
            os.rename(fresh, out)
            with open(note, "w", encoding="utf-8") as file:
                file.write(made_of)
        for name in (SONAME, "librump.so"):
            link = os.path.join(os.path.dirname(out), name)
            if not os.path.islink(link):
                os.symlink(os.path.basename(out), link)
        self.write_gdb_file(os.path.dirname(out))
        modindex.write_builtin(self.module_folder(), self.components)

    def write_gdb_file(self, folder):
        """gdb -x rump.gdb finds the kernel's source lines."""
        text = (f"set substitute-path linux/obj {self.objects}\n"
                f"set substitute-path linux {self.tree}\n"
                f"source {os.path.join(os.path.dirname(RUMPKERNEL), 'tools/gdb/rump.py')}\n")
        with open(os.path.join(folder, "rump.gdb"), "w", encoding="utf-8") as file:
            file.write(text)

    def module_folder(self):
        """Beside the image, at the place where an installation has it."""
        return os.path.join(os.path.dirname(os.path.abspath(self.options.output)), "rump/modules")

    def modules(self):
        self.prepare()
        folder = self.module_folder()
        self.make.run("modules", ["modules"], log="modules.log")
        count = modindex.collect(self.objects, folder, self.components, self.release)
        report.say(f"{count} modules in {folder}")
        with open(self.options.output, "w", encoding="utf-8") as file:
            file.write(f"{count} modules of Linux {self.release}\n")

    def tree_only(self):
        self.make_tree()
        if self.options.output:
            with open(self.options.output, "w", encoding="utf-8") as file:
                file.write(f"{self.tree}\n")

    def write_depfile(self):
        if self.options.depfile:
            inputs = self.inputs() if self.options.what != "tree" else self.source.inputs()
            escaped = [path.replace("\\", "\\\\").replace(" ", "\\ ").replace("#", "\\#")
                       for path in inputs]
            with open(self.options.depfile, "w", encoding="utf-8") as file:
                file.write(f"{self.options.output}: " + " \\\n  ".join(escaped) + "\n")


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def arguments():
    parser = argparse.ArgumentParser(description="Builds the rump kernel; see the top of the file.")
    parser.add_argument("what", choices=["image", "modules", "check", "tree"])
    parser.add_argument("--source", default="", help="Linux tree or tarball")
    parser.add_argument("--work", required=True, help="folder for the tree and the objects")
    parser.add_argument("--overlay", default=OVERLAY, help="what becomes arch/rump")
    parser.add_argument("--output", help="librump.so.VERSION, or the stamp of modules")
    parser.add_argument("--depfile", help="dependency file to write, for ninja")
    parser.add_argument("--components", default="all", help='"all" or names, comma separated; "": none')
    parser.add_argument("--jobs", type=int, default=0, help="0: one for each core")
    parser.add_argument("--compiler", choices=["gcc", "clang"], default="gcc")
    parser.add_argument("--debug", action="store_true", help="lockdep and other checks")
    return parser.parse_args()


def main():
    options = arguments()
    build = Build(options)
    if options.what == "check":
        build.source.check()
        kconfig.merge(build.fragments())
        return
    os.makedirs(build.work, exist_ok=True)
    # two builds in one work folder would unpack and compile over each other
    with open(os.path.join(build.work, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if options.what == "tree":
            build.tree_only()
        elif not options.output:
            sys.exit(f"kernel.py {options.what} needs --output")
        else:
            getattr(build, options.what)()
        build.write_depfile()


if __name__ == "__main__":
    report.run(main)
