"""Records, states, events, errors and view models: plain data that every layer may know."""
