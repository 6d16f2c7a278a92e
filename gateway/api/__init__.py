"""REST: requests become calls of casework, rows become JSON. No rules live here."""
