"""The child process that does the heavy work, and the client that talks to it over pipes.

protocol.py    the messages, one JSON object per line
client.py      WorkerClient: requests in, events out; standard library only, so that it runs in Slicer's Python
supervisor.py  the thread behind it: one request at a time, cancel, silence, the child's death
process.py     one child process: pipes, reader threads, the end of its whole process group
server.py      the child: ``python -m XAIReportLib worker``
"""
