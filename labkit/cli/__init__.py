"""The command line, `labkit …`: commands, options, tables, progress."""
