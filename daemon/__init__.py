"""The service around the pipeline: contracts, registry, ledger, outbox, storage, command line."""
