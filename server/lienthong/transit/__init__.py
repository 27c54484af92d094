"""Evidence as signed XML, the chain of hop records, and the message that carries them."""
