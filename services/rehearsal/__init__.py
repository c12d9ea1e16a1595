"""The rehearsal: a scripted model on loopback, for `demo` and for the tests."""
