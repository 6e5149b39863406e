"""Work that outlasts a request: kept in the ledger, done a few at a time, asked for until it is done."""
