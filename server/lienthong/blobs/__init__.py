"""Where the bytes of documents lie: content-addressed, in a folder or in S3."""
