"""The embedded server: chDB behind the ClickHouse HTTP interface."""
