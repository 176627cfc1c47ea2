"""What the emulators of all providers share: an HTTP server, a process supervisor, unpacking."""
