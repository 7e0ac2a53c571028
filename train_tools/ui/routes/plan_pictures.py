"""The pictures that a plan's checkpoints will have: prompts to begin with, how many they are, how they are made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from train_tools.dataset.originals import UnreadableCaptionError
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.errors import UsageError
from train_tools.planning.plan import Plan
from train_tools.preview.before_training import planned_pictures
from train_tools.tags.suggest import suggested
from train_tools.ui.routes.plan import plans_of
from train_tools.ui.routes.previews import chosen_settings
from train_tools.ui.routing import Call, get, post

AT = "/api/v/{project}/{version}/plan"
ALL = "all"  # of the checkpoints


def prompts(call: Call) -> dict[str, Any]:
    """A task: prompts from the captions."""
    version = call.version

    def work(_task: object) -> dict[str, Any]:
        images = training_images(version.processed)
        if not images:
            raise UsageError("There are no processed images to take prompts from yet; process them first.")
        found = suggested((image.concept, _caption(image)) for image in images)
        if not found:
            raise UsageError("No image has a caption to take prompts from yet; write captions first.")
        return {"prompts": [asdict(one) for one in found], "images": len(images)}

    return call.tasks.start(work)


def _caption(image: TrainingImage) -> str:
    try:
        return image.caption() or ""
    except UnreadableCaptionError:
        return ""


def pictures(call: Call) -> dict[str, Any]:
    """A task: what the settings (those of `previews`, with `settings` laid over them) mean for the plan `plan`."""
    version, chosen = call.version, chosen_settings(call)
    plan = plans_of(call).find(call.field("plan", int)).plan

    def work(_task: object) -> dict[str, Any]:
        try:
            found = planned_pictures(version, chosen, plan)
        except UsageError as error:
            return {"problem": str(error)}
        count = _checkpoints(plan) if chosen.checkpoints == ALL else 0
        return {**asdict(found), "checkpoints": count, "total": found.each * count + found.bare}

    return call.tasks.start(work, only_newest_of=f"plan pictures {version.folder}")


def _checkpoints(plan: Plan) -> int:
    return sum(len(run.checkpoints) for run in plan.runs if not run.reasons)


ROUTES = [
    get(f"{AT}/prompts", prompts),
    post(f"{AT}/pictures", pictures),
]
