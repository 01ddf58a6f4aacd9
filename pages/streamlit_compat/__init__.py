"""Every place that reaches into Streamlit's own names, each with its reason and version."""
