"""One folder per vendor contract; nothing outside a folder knows that vendor's field names."""
