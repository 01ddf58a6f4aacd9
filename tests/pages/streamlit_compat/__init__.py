"""Tests of pages/streamlit_compat/."""
