"""Tests of pages/."""
