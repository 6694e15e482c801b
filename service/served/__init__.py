"""The catalog as it is served: compiled by a child process, loaded by the workers, replaced whole."""
