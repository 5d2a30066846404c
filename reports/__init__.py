"""What people read: this project's report, and the reports that it writes."""
