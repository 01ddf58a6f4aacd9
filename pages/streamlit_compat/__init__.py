"""Every place that reaches into Streamlit's own names, and why."""
