"""The `lienthong` program: what operators and administrators do."""
