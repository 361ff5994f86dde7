# SPDX-License-Identifier: BSD-2-Clause
"""
gdb commands for a process, or a core of one, that has a rump kernel in it:

    rump-ps         the kernel's tasks: lwps and kernel threads
    rump-bt PID     where a task is in the kernel: those that run, and those at rest
    rump-bt all     of every task

Load it with `source tools/gdb/rump.py' or gdb -x.  librump.so's debug information is
needed: gdb finds librump.so.0.debug beside the library.

A task of the rump kernel is a stack, not a host thread, so `thread apply all bt' shows
only those that run at the moment.  A stack at rest was left by rump_switch_stack()
(asm/rump.h): thread.sp points at the address to go on at and the frame pointer.
From there on frame pointers lead up the stack; functions that the compiler took into
their callers are told as part of these.
"""

import gdb

# asm/rump.h
STACK_RIP, STACK_RBP = 0, 1
MAX_FRAMES = 64
MAX_TASKS = 100000
# include/linux/sched.h
STATES = ((0x400, "I"), (0x2, "D"), (0x1, "S"), (0x4, "T"), (0x8, "t"))
PF_KTHREAD = 0x00200000


def evaluate(expression):
    try:
        return gdb.parse_and_eval(expression)
    except gdb.error as error:
        raise gdb.GdbError(f"no rump kernel here, or librump.so without debug information "
                           f"({error})") from None


def container(node, type_name, field):
    """The struct that a list node lies in."""
    kind = gdb.lookup_type(type_name)
    offset = 0
    for part in field.split("."):
        offset += kind[part].bitpos // 8
        kind = kind[part].type
    start = int(node) - offset
    return gdb.Value(start).cast(gdb.lookup_type(type_name).pointer())


def walk(head, type_name, field):
    """The entries of a list, head apart.  A torn list ends, it does not run for ever."""
    node = head["next"]
    for _ in range(MAX_TASKS):
        if int(node) == int(head.address) or not int(node):
            return
        yield container(node, type_name, field)
        node = node["next"]


def tasks():
    """Every thread of every process, idle tasks first."""
    init = evaluate("&init_task")
    yield init
    for leader in walk(init["tasks"], "struct task_struct", "tasks"):
        yield from walk(leader["signal"]["thread_head"], "struct task_struct", "thread_node")


def vcpus():
    array = evaluate("rump_vcpus")
    low, high = array.type.range()
    return [array[n] for n in range(low, high + 1) if int(array[n]["is_online"])]


def runner(task):
    """The rump_thread that runs the task's stack now, or None."""
    for vcpu in vcpus():
        # an unlocked vCPU's current task is parked: its stack is at rest
        if int(vcpu["p"]["current_task"]) == int(task) and int(vcpu["lock"]):
            return vcpu["thread"]
    return None


def name_of(task):
    return task["comm"].string(errors="replace")


def state_of(task):
    if int(task["exit_state"]):
        return "Z"
    state = int(task["__state"])
    for bit, letter in STATES:
        if state & bit:
            return letter
    return "R"


def host_of(task):
    """Host thread ids: the one that the task is the lwp of, and the one that runs it."""
    owner = task["thread"]["host"]
    return int(owner["host_tid"]) if int(owner) else 0


def where_at_rest(task):
    """(pc, frame pointer) of a stack that nobody runs; None: it never had one."""
    sp = task["thread"]["sp"].cast(gdb.lookup_type("unsigned long").pointer())
    if not int(sp):
        return None
    return int(sp[STACK_RIP]), int(sp[STACK_RBP])


def frames(task):
    """The addresses of a stack at rest, innermost first."""
    start = where_at_rest(task)
    if not start:
        return
    pc, bp = start
    low = int(task["stack"])
    yield pc
    for _ in range(MAX_FRAMES):
        # THREAD_SIZE is a power of two and stacks are aligned to it; 1 MiB is more than any has
        if not low <= bp < low + (1 << 20) or bp % 8:
            return
        frame = gdb.Value(bp).cast(gdb.lookup_type("unsigned long").pointer())
        above, pc = int(frame[0]), int(frame[1])
        if not pc:
            return
        yield pc
        if above <= bp:
            return
        bp = above


def describe(pc, is_return):
    """FUNCTION [taken into FUNCTION] at FILE:LINE"""
    # a return address may be the first of the next line, or of the next function
    look = pc - 1 if is_return else pc
    names, block = [], None
    try:
        block = gdb.block_for_pc(look)
    except RuntimeError:
        pass
    while block and not block.is_global and not block.is_static:
        if block.function:
            names.append(block.function.name)
            if not block.function.symtab or not _is_inline(block):
                break
        block = block.superblock
    if not names:
        text = gdb.execute(f"info symbol {look:#x}", to_string=True)
        names = [text.split(" in section")[0].split(" + ")[0].strip()]
    line = gdb.find_pc_line(look)
    place = f" at {line.symtab.filename}:{line.line}" if line.symtab else ""
    return " <- ".join(names) + place


def _is_inline(block):
    """A function's block inside another function's is one that was taken into it."""
    outer = block.superblock
    while outer and not outer.is_global and not outer.is_static:
        if outer.function:
            return True
        outer = outer.superblock
    return False


def find(pid):
    for task in tasks():
        if int(task["pid"]) == pid and pid:
            return task
    raise gdb.GdbError(f"rump-bt: no task {pid}: rump-ps lists them")


def print_stack(task):
    print(f"{int(task['pid'])} {name_of(task)}")
    thread = runner(task)
    if thread is not None:
        print_running(int(thread["host_tid"]))
        return
    for number, pc in enumerate(frames(task)):
        print(f"#{number:<2} {pc:#x} in {describe(pc, number > 0)}")


def print_running(tid):
    """Such a stack is that of a host thread, which gdb unwinds itself."""
    for thread in gdb.selected_inferior().threads():
        if thread.ptid[1] == tid:
            before = gdb.selected_thread()
            thread.switch()
            try:
                print(f"runs on host thread {tid}")
                gdb.execute("backtrace")
            finally:
                before.switch()
            return
    print(f"runs on host thread {tid}, which is gone")


class RumpPs(gdb.Command):
    """Lists the tasks of the rump kernel in this process.

Columns: process, task, state as in ps(1), vCPU, the host thread that it is the lwp of,
name, and the host thread that runs its stack now."""

    def __init__(self):
        super().__init__("rump-ps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError("rump-ps takes no argument")
        print(f"{'TGID':>6} {'PID':>6} S {'CPU':>3} {'HOST':>8} NAME")
        for task in tasks():
            thread = runner(task)
            name = name_of(task)
            if int(task["flags"]) & PF_KTHREAD:
                name = f"[{name}]"
            running = "" if thread is None else f"   runs on host thread {int(thread['host_tid'])}"
            print(f"{int(task['tgid']):>6} {int(task['pid']):>6} {state_of(task)} "
                  f"{int(task['thread_info']['cpu']):>3} {host_of(task) or '-':>8} {name}{running}")


class RumpBt(gdb.Command):
    """Shows where a task of the rump kernel is: rump-bt PID, or rump-bt all."""

    def __init__(self):
        super().__init__("rump-bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if words == ["all"]:
            for task in tasks():
                print_stack(task)
                print()
            return
        if len(words) != 1 or not words[0].isdigit():
            raise gdb.GdbError("want rump-bt PID, or rump-bt all: rump-ps lists the tasks")
        print_stack(find(int(words[0])))


RumpPs()
RumpBt()
