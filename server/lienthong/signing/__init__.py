"""Who signed this, is it whole, and is it theirs to say? Signing and verifying XML."""
