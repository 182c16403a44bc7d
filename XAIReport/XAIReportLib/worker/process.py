"""One child process: three pipes, threads that read them, and the end of its whole process group."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from XAIReportLib.worker.process_group import process_group

STDERR_LINES = 60
LINE_CHARACTERS = 2000
LINE_BYTES = 4 * LINE_CHARACTERS  # in UTF-8, of any script
EXIT_WAIT_S = 1.0


class ChildProcess:
    """A started child. Nothing here blocks its caller: pipes are read and written by threads.

    Args:
        command, environment: as for subprocess.
        on_line: called from a thread with each line of the child's stdout.
        on_stderr: called from a thread with each line of the child's stderr.
        on_end: called once from a thread when stdout has ended; the process and its group are gone by then.

    Raises OSError when the program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_line: Callable[[bytes], None],
        on_stderr: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> None:
        self._group = process_group()
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                **self._group.options,
            )
        except BaseException:
            self._group.close()
            raise
        self._group.add(self._process)
        self._tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._to_child: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stderr_thread = _thread(self._read_stderr, on_stderr)
        _thread(self._write_stdin)
        _thread(self._read_stdout, on_line, on_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while the child runs."""
        return self._process.returncode

    def last_words(self) -> str:
        """The last lines of the child's stderr."""
        return "\n".join(self._tail)

    def send(self, line: bytes) -> None:
        self._to_child.put(line)

    def end_input(self) -> None:
        """Close the child's stdin, which asks it to end."""
        self._to_child.put(None)

    def kill(self) -> None:
        """End the child and every process of its group, at once."""
        self._group.end()

    def wait(self, at_most_s: float) -> None:
        """Until the child has ended, or for so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(at_most_s)

    def _read_stdout(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                on_line(line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_WAIT_S)
        self.kill()  # what the child itself had started outlives it otherwise
        self._process.wait()
        self._group.close()
        self._stderr_thread.join(EXIT_WAIT_S)
        self._to_child.put(None)
        on_end()

    def _read_stderr(self, on_stderr: Callable[[str], None]) -> None:
        assert self._process.stderr is not None
        line = b""
        with contextlib.suppress(OSError, ValueError):
            while piece := self._process.stderr.readline(LINE_BYTES):
                line = _last_state(line + piece)
                if piece.endswith(b"\n"):
                    self._keep(line, on_stderr)
                    line = b""
        self._keep(line, on_stderr)

    def _keep(self, line: bytes, on_stderr: Callable[[str], None]) -> None:
        text = line.decode("utf-8", "replace").rstrip()[:LINE_CHARACTERS]
        if text:
            self._tail.append(text)
            on_stderr(text)

    def _write_stdin(self) -> None:
        assert self._process.stdin is not None
        # A child that is gone breaks the pipe; its end is reported by the thread that reads stdout.
        with contextlib.suppress(OSError, ValueError):
            while (line := self._to_child.get()) is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()


def _last_state(line: bytes) -> bytes:
    """What is shown of a line that a progress bar rewrites with carriage returns, maybe for hours; no more than is kept of it."""
    words = line.rstrip()
    blank = line[len(words) :]
    return words.rpartition(b"\r")[2][:LINE_BYTES] + (b"\r" if b"\r" in blank else blank[:LINE_BYTES])


def _thread(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True, name=f"xaireport-worker{target.__name__}")
    thread.start()
    return thread
