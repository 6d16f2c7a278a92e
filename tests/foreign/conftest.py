"""The packages in this folder are sources: tests build and install them; pytest does not collect them here."""

collect_ignore_glob = ["gateway_connector_*"]
