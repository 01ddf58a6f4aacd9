"""Hyperparameter studies: Optuna proposes, the engine trains, the store keeps.

`space` says what may vary, `spec` what a study is, `records` who drives which study, `search`
speaks with Optuna, and `runner` brings them together. Only `search` and `runner` load Optuna.
"""
