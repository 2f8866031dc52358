"""Takes away from mien, on Linux, what Windows and macOS do not have: in every Python with this folder in PYTHONPATH.

`site` imports this module when an interpreter starts, before any module of mien: so a child process of mien is without
these things as well. Only modules of mien are: the standard library and other packages have versions for every system,
and those of Linux need what Linux has.

What stays that Windows has not: `os.name` is `posix`, paths have slashes, and open files can be renamed.
"""

import builtins
import ctypes
import importlib
import io
import os
import sys
import types

#: The packages that are without.
PACKAGES = {"mien", "edge", "train", "convert", "deploy"}
#: Modules that Windows does not have.
MODULES = ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
#: Names of modules that Windows, or macOS where it is marked, does not have. A name with a star is a prefix.
NAMES = {
    "os": (
        "chown", "eventfd*", "EFD_*", "fchmod", "fchown", "fork", "forkpty", "fstatvfs", "getegid", "geteuid", "getgid",
        "getgroups", "getloadavg", "getpgid", "getpgrp", "getresgid", "getresuid", "getsid", "getuid", "kill", "killpg",
        "lchown", "major", "memfd_create", "MFD_*", "minor", "mkfifo", "mknod", "nice", "O_CLOEXEC", "O_DIRECT",
        "O_DIRECTORY", "O_DSYNC", "O_NOATIME", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "O_TMPFILE", "openpty",
        "P_PIDFD", "pidfd_open", "posix_*", "pread*", "pwrite*", "readv", "register_at_fork", "sched_*", "sendfile",
        "set_blocking", "setegid", "seteuid", "setgid", "setgroups", "setpgid", "setpriority", "setregid", "setresgid",
        "setresuid", "setreuid", "setsid", "setuid", "splice", "statvfs", "sync", "sysconf", "sysconf_names",
        "tcgetpgrp", "tcsetpgrp", "ttyname", "uname", "wait", "wait3", "wait4", "waitid", "writev",
    ),
    "select": ("epoll", "poll", "EPOLL*", "POLL*"),
    "signal": (
        "alarm", "getitimer", "ITIMER_*", "pause", "pthread_*", "setitimer", "SIG_BLOCK", "SIG_SETMASK", "SIG_UNBLOCK",
        "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGHUP", "SIGIO", "SIGIOT", "siginterrupt", "SIGKILL",
        "sigpending", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGRTMAX", "SIGRTMIN", "SIGSTKFLT",
        "SIGSTOP", "SIGSYS", "sigtimedwait", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2",
        "SIGVTALRM", "sigwait", "sigwaitinfo", "SIGWINCH", "SIGXCPU", "SIGXFSZ",
    ),
    "socket": ("AF_UNIX", "CMSG_*", "MSG_DONTWAIT", "recv_fds", "SCM_*", "send_fds", "SOCK_CLOEXEC", "SOCK_NONBLOCK"),
    "time": ("clock_getres", "clock_gettime*", "clock_settime*", "CLOCK_*", "pthread_getcpuclockid", "tzset"),
}  # fmt: skip
#: Not in every version of Python.
RECENT = {"SIGCLD", "SIGSTKFLT"}
#: What Linux has in the file system.
HIDDEN = ("/proc/", "/sys/", "/etc/os-release", "/dev/video", "/run/systemd")


class _Library(ctypes.CDLL):
    """On Windows, no library has the name None."""

    def __init__(self, name, *arguments, **options):
        if name is None:
            raise TypeError("expected the name of a library")
        super().__init__(name, *arguments, **options)


class _Sys(types.ModuleType):
    """`sys` of another system; what is set in it is set in the real one."""

    platform = "elsewhere"

    def __getattribute__(self, name):
        return _Sys.platform if name == "platform" else getattr(sys, name)

    def __setattr__(self, name, value):
        setattr(sys, name, value)


def _without(name):
    """A copy of a module without some of its names."""
    module, names = importlib.import_module(name), NAMES.get(name, ())
    exact, prefixes = {n for n in names if "*" not in n}, tuple(n[:-1] for n in names if "*" in n)
    # A misspelled name would take nothing away.
    assert all(hasattr(module, n) or n in RECENT for n in exact), [n for n in exact if not hasattr(module, n)]
    rest = types.ModuleType(name)
    kept = {key: value for key, value in vars(module).items() if key not in exact}
    rest.__dict__.update({key: value for key, value in kept.items() if not (prefixes and key.startswith(prefixes))})
    return rest


def _visible(function):
    """`open` without what only Linux has."""

    def opened(path, *arguments, **options):
        text = path if isinstance(path, int) else os.fspath(path)
        if isinstance(text, str) and text.startswith(HIDDEN):
            raise FileNotFoundError(2, "No such file or directory", text)
        return function(path, *arguments, **options)

    return opened


def _is_of_mien(names):
    package = names.get("__package__") or names.get("__name__") or ""
    return package.partition(".")[0] in PACKAGES


def _take_away():
    reduced = {name: _without(name) for name in NAMES}
    reduced |= {"ctypes": _without("ctypes"), "platform": _without("platform"), "sys": _Sys("sys")}
    reduced["ctypes"].CDLL = _Library
    reduced["platform"].system = lambda: "Elsewhere"
    reduced["os"].open = _visible(os.open)
    # Windows opens no folder.
    reduced["os"].supports_dir_fd = set()
    import_name, import_module = builtins.__import__, importlib.import_module

    def instead(name, names):
        """The module that mien gets; None for the real one."""
        if not _is_of_mien(names):
            return None
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return reduced.get(name)

    def import_name_of_mien(name, globals=None, locals=None, fromlist=(), level=0):
        found = instead(name, globals or {}) if level == 0 else None
        return import_name(name, globals, locals, fromlist, level) if found is None else found

    def import_module_of_mien(name, package=None):
        found = instead(name, sys._getframe(1).f_globals)
        return import_module(name, package) if found is None else found

    builtins.__import__, importlib.import_module = import_name_of_mien, import_module_of_mien
    # `pathlib` opens files with it.
    io.open = builtins.open = _visible(io.open)


_take_away()
