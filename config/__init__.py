"""Settings, taxonomy and word lists: everything an operator may read or change, and nothing that runs."""
