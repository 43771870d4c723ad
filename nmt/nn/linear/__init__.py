"""Linear layers that compute their weight from other parameters, and their plain forms."""
