"""Hyperparameter studies: Optuna proposes, the engine trains, the store keeps.

`records` says who drives which study, `optuna_adapter` speaks with Optuna, and `runner` brings
them together; only these two load Optuna. What may vary and what a study is stands in
`experiment`, as `search_space` and `study`.
"""
