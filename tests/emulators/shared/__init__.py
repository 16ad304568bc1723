"""What the emulated platforms have in common: faults, their control over HTTP, and their time."""
