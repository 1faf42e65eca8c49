"""Whether a job can begin: what its command says wrong, and whose its folder is."""
