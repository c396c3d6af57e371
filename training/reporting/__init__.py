"""The parts of a report: tables, charts, cases, the page that holds them."""
