"""Translation quality by the field's standard metrics."""
