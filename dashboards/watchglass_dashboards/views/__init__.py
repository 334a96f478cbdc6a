"""One file a page; each has `page() -> None` and a row in `watchglass_dashboards.pages.PAGES`."""
