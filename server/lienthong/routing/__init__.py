"""Where a verified document goes next. Pure: a directory and recipients in, a plan out."""
