"""The trials of a study as a table; the chosen one opens as a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from mnist_core.storage.store import Store
from mnist_core.studies.optuna_adapter import Trial
from mnist_core.studies.records import Study
from pages.editors import draft
from pages.session.open_elsewhere import open_buttons
from pages.widgets.escape import escaped

ROWS_HIGH = 320


def trial_table(study: Study, trials: Sequence[Trial], choose: Callable[[int], None]) -> None:
    """All trials, newest first; `choose` takes the number of the one that is chosen."""
    if not trials:
        return
    shown = list(reversed(trials))
    columns: dict[str, list[object]] = {
        "Trial": [trial.number for trial in shown],
        "State": [trial.state for trial in shown],
    }
    for index, title in enumerate(study.spec.titles):
        columns[title] = [trial.results[index] if trial.results else None for trial in shown]
    for item in study.spec.vary:
        columns[item.title] = [trial.values.get(item.title) for trial in shown]
    columns["Note"] = [_note(trial) or None for trial in shown]
    key = f"study_trials_{study.id}"

    def chosen() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows and rows[0] < len(shown):
            choose(shown[rows[0]].number)

    st.markdown("**Trials**")
    st.dataframe(
        columns,
        hide_index=True,
        key=key,
        on_select=chosen,
        selection_mode="single-row",
        height=min(ROWS_HIGH, 38 + 35 * len(shown)),
        placeholder="–",
        column_config={
            title: st.column_config.NumberColumn(format=form)
            for title, form in _formats(study).items()
        },
    )


def open_trial(store: Store, study: Study, trial: Trial | None) -> None:
    """Links that open the chosen trial's run elsewhere."""
    if trial is None or trial.run is None:
        return
    run = store.run(trial.run)
    if run is None:
        st.caption(f"Trial {trial.number}: its run has been deleted.")
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="open_trial"):
        st.markdown(f"**Trial {trial.number}** · {escaped(run.name)} · {run.status}")
        open_buttons(
            run.id,
            "trial",
            partial(draft.start_over, run.experiment),
            on_train="Its curves, and its experiment to change and train again: it takes the place "
            "of what you have composed there.",
        )
    if trial.why:
        st.caption(escaped(trial.why))


def _note(trial: Trial) -> str:
    retried = "Its worker died once; it was trained again." if trial.retried else ""
    return " ".join(part for part in (trial.why, retried) if part)


def _formats(study: Study) -> dict[str, str]:
    forms = {"accuracy": "percent", "loss": "%.4f", "time": "%.2f s"}
    forms |= {"efficiency": "percent", "parameters": "localized"}
    found = {
        title: forms[name]
        for title, name in zip(study.spec.titles, study.spec.objectives, strict=True)
    }
    found |= {item.title: "%.3g" for item in study.spec.vary if item.kind == "float"}
    return found
