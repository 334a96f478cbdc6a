"""What the pages are made of: safe text, formats, charts, filters and page furniture."""
