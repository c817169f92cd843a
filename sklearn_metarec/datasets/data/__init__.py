"""The bundled tables, as compressed CSV, and their licences."""
