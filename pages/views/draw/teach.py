"""View: say which digit it was, keep that, and teach it to a network of one's own."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from mnist_core.base import computing
from mnist_core.drawing.finetune import FineTuned, fine_tune, keep_as_run
from mnist_core.figures.drawing import forgetting_chart, per_digit_chart
from mnist_core.storage import corrections as kept_corrections
from mnist_core.storage.corrections import Corrections
from mnist_core.storage.store import StoreError
from pages.session.network_choice import forget_choices
from pages.session.reader import NotReadable, Reader
from pages.session.services import get_engine, get_store, owner
from pages.views.draw.answer import Answer
from pages.views.draw.networks import current_reader
from pages.views.draw.parts import gallery, small_image
from pages.widgets.background import Progress, come_back_for, newest_with_progress, teacher
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure

SHOWN = 24
STEPS = {20: "a little", 60: "well", 200: "thoroughly"}


def teach_view(found: Answer | None) -> None:
    """The ten buttons, the corrections so far, and teaching."""
    if found is not None and not found.reader.reads_digits:
        st.info(
            "Corrections are digits. Choose a network trained on MNIST above to teach it.",
            icon=":material/school:",
        )
        return
    try:
        if found is None:
            st.caption("Draw a digit. If it is misread, say here which one it is.")
        else:
            _buttons(found)
        corrections = kept_corrections.load(get_store(), owner())
    except StoreError as error:
        st.error(str(error), icon=":material/error:")
        return
    if not len(corrections):
        return
    _so_far(corrections)
    try:
        _teaching(current_reader(), corrections)
    except NotReadable as error:
        st.error(str(error), icon=":material/error:")


def _buttons(found: Answer) -> None:
    st.markdown(
        "**Which digit is it?** Choose the one you meant. The drawing is saved with this label, "
        "and you can train a copy of your network on what you saved."
    )
    with st.container(horizontal=True, gap="small", key="it_was"):
        for digit in range(10):
            st.button(
                f"{digit}",
                key=f"it_was_{digit}",
                on_click=_correct,
                args=(found, digit),
                type="primary" if st.session_state.get("corrected") == digit else "secondary",
            )
    if (said := st.session_state.pop("correction_said", None)) is not None:
        st.caption(said)
    st.session_state.pop("corrected", None)


def _correct(found: Answer, digit: int) -> None:
    """Callback: keep the drawing as this digit."""
    try:
        if refused := get_engine().correction_problem():
            st.session_state.correction_said = refused
            return
        kept = kept_corrections.add(get_store(), owner(), found.reading.image28, digit)
    except StoreError as error:
        st.session_state.correction_said = str(error)
        return
    st.session_state.corrected = digit
    right = "The network was right. " if digit == found.reading.digit else ""
    st.session_state.correction_said = (
        f"{right}Saved as a {digit}. Corrections so far: {len(kept)}."
    )


def _so_far(corrections: Corrections) -> None:
    count = len(corrections)
    st.markdown(f"**Your corrections** · {count}")
    newest_first = list(range(count))[::-1][:SHOWN]
    st.html(
        gallery(
            small_image(
                corrections.ink[index],
                f"A drawing that is a {corrections.labels[index]}",
                f"<strong>{corrections.labels[index]}</strong>",
                side=64,
            )
            for index in newest_first
        )
    )
    with st.container(horizontal=True):
        st.download_button(
            "Save as .npz",
            corrections.as_npz,
            file_name="corrections.npz",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            help="NumPy arrays: images, uint8 [n, 28, 28], and labels, uint8 [n].",
        )
        st.button("Remove the latest", icon=":material/undo:", on_click=_remove, args=(count - 1,))


def _remove(index: int) -> None:
    try:
        kept_corrections.remove(get_store(), owner(), index)
    except (StoreError, IndexError):
        return  # it has gone already; the page shows what there is


def _teaching(reader: Reader, corrections: Corrections) -> None:
    if not reader.reads_digits:
        return
    name = escaped(reader.choice.name)
    st.markdown(
        f"**Teach them to “{name}”**, the network chosen above. A copy is trained; the original "
        "stays as it is."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        steps = st.segmented_control(
            "Training",
            list(STEPS),
            default=60,
            required=True,
            format_func=lambda steps: f"{STEPS[steps]} ({steps} steps)",
            key="teach_steps",
            wrap=True,
        )
        remind = st.toggle(
            "Include training images",
            value=st.session_state.get("teach_reminds", True),
            key="teach_remind",
            help="Without them the network soon forgets what it knew.",
        )
        st.session_state.teach_reminds = remind
        pressed = st.button("Teach", type="primary", icon=":material/school:", key="teach")
    if pressed:
        st.session_state.teaching_number = st.session_state.get("teaching_number", 0) + 1
        st.session_state.taught = (reader, corrections, int(steps or 60), bool(remind))
    if "taught" in st.session_state:
        _taught(*st.session_state.taught)


def _taught(reader: Reader, corrections: Corrections, steps: int, remind: bool) -> None:
    """The teaching under way, or its result: before and after."""
    number = st.session_state.teaching_number
    work, progress = newest_with_progress(
        "teaching",
        number,
        partial(_teach, reader, reader.weights(), corrections, steps, remind),
        teacher(),
    )
    if not work.done():
        come_back_for(work, lambda: st.progress(progress.share, "Training the copy…"))
        return
    if work.exception() is not None:
        st.error("This network could not be trained. Try another one.", icon=":material/error:")
        return
    _before_and_after(work.result(), corrections, remind)
    _keep(work.result(), reader, len(corrections), number)


def _teach(
    reader: Reader,
    weights: tuple[np.ndarray, ...],
    corrections: Corrections,
    steps: int,
    remind: bool,
    progress: Progress,
) -> FineTuned:
    """In another thread, where nothing of the page can be asked."""

    def tell(share: float) -> None:
        progress.share = share

    taught: FineTuned = computing.run(
        partial(fine_tune, steps=steps, remind=remind),
        reader.network,
        weights,
        corrections,
        about=("teaching", reader.network),
        slow=True,
        tell=tell,
    )
    return taught


def _before_and_after(result: FineTuned, corrections: Corrections, remind: bool) -> None:
    first, last = result.snapshots[0], result.snapshots[-1]
    left, right = st.columns(2)
    lost = 100 * (result.test_after - result.test_before)
    left.metric("Test accuracy (10,000 images)", f"{result.test_after:.2%}", f"{lost:+.2f} points")
    gained = 100 * (last.corrections_share - first.corrections_share)
    right.metric(
        f"Accuracy on your {len(corrections)} corrections",
        f"{last.corrections_share:.0%}",
        f"{gained:+.0f} points",
    )
    with left:
        live_figure(
            forgetting_chart(
                [snapshot.step for snapshot in result.snapshots],
                [snapshot.test_share for snapshot in result.snapshots],
                [snapshot.corrections_share for snapshot in result.snapshots],
            ),
            key="forgetting_figure",
            alt=f"Test accuracy goes from {first.test_share:.0%} to {last.test_share:.0%}, "
            f"accuracy on the corrections from {first.corrections_share:.0%} to "
            f"{last.corrections_share:.0%}.",
        )
    with right:
        worst = int((result.per_digit_after - result.per_digit_before).argmin())
        live_figure(
            per_digit_chart(result.per_digit_before, result.per_digit_after),
            key="per_digit_figure",
            alt=f"Test accuracy of each digit; the {worst} loses most: from "
            f"{result.per_digit_before[worst]:.0%} to {result.per_digit_after[worst]:.0%}.",
        )
    st.markdown(_lesson(result, remind))


def _lesson(result: FineTuned, remind: bool) -> str:
    """The lesson of the figures: how much was learned, and what it cost on the test images."""
    before, after = 1 - result.test_before, 1 - result.test_after
    learned = f"Accuracy on your corrections: {result.snapshots[-1].corrections_share:.0%}. "
    mistakes = f"Test error: {before:.2%} before, {after:.2%} after. "
    if after <= 1.25 * before:
        return f"{learned}{mistakes}The network has forgotten almost nothing."
    worst = int((result.per_digit_after - result.per_digit_before).argmin())
    remedy = (
        "Train for fewer steps, or add corrections of other digits."
        if remind
        else "Include training images, or train for fewer steps."
    )
    return (
        f"{learned}{mistakes}The network has forgotten some of what it knew, most of all the "
        f"{worst}: new examples change all weights. {remedy}"
    )


def _keep(result: FineTuned, reader: Reader, count: int, number: int) -> None:
    """The copy as a run, so that it reads above and everywhere else."""
    kept = st.session_state.get("kept_teaching")
    if kept == number:
        st.success("Saved as a new run: choose it under “Network”.", icon=":material/check:")
        return
    if not st.button("Save the trained copy as a run", icon=":material/save:"):
        return
    choice = reader.choice
    name = f"{choice.name} taught {count} drawing{'s' if count > 1 else ''}"
    if choice.run is None:
        from mnist_core.drawing.pretrained import EXPERIMENT as experiment
    else:
        experiment = choice.run.experiment
    if (full := get_engine().room()) is not None:
        st.warning(full.message, icon=":material/inventory_2:")
        return
    try:
        keep_as_run(get_store(), result, experiment, name)
    except StoreError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state.kept_teaching = number
    forget_choices()
    st.rerun()
