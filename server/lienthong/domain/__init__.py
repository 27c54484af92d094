"""The words of the field as plain values and tables. No input, no output, no waiting."""
