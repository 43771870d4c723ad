"""How good translations are, by the measures of the field."""
