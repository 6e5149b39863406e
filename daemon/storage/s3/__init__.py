"""A store that speaks S3."""
