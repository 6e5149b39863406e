"""A fake of AGORA's server SDK for tests: `agora` is what is put on the import path.

It behaves as the SDK's source and notes (2.4.10) say: one service and one application id in a process,
callbacks from a thread of its own in which nothing of it may be called, no audio of muted users, audio
formats as set before the observer is registered, all calls of its observer classes. Its cloud is a folder:
the application id names it, `<channel>.json` in it is a channel's script (see `connection.py`).
"""
