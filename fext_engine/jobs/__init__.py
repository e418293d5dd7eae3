"""Jobs: the work a user starts, as a folder, a process and a stream of events."""
