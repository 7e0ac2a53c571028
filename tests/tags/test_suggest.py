"""Prompts from captions: what many share, none of them whole, and a scene that none tells of."""

from __future__ import annotations

from train_tools.tags.suggest import FLEXIBLE, SCENES, TYPICAL, VARIED, suggested

CAT = (
    "mochi, 1cat, sitting, grass, outdoors, orange fur",
    "mochi, 1cat, lying, sofa, indoors, orange fur, eyes closed",
    "mochi, 1cat, sitting, window, indoors, orange fur",
    "mochi, 1cat, standing, grass, outdoors, looking at viewer",
    "mochi, 1cat, sitting, sofa, indoors, looking at viewer, orange fur",
)


def prompts(*captions: str, concept: str = "mochi") -> list[tuple[str, str]]:
    return [(one.kind, one.prompt) for one in suggested((concept, caption) for caption in captions)]


def test_tags_that_many_images_share_make_the_prompts() -> None:
    found = prompts(*CAT)
    assert found[0] == (TYPICAL, "{trigger}, 1cat, sitting, indoors, orange fur")
    assert (VARIED, "{trigger}, 1cat, grass, outdoors") in found
    texts = [prompt.replace("{trigger}", "mochi") for _, prompt in found]
    assert not set(texts) & set(CAT)


def test_the_last_one_is_in_no_caption() -> None:
    assert prompts(*CAT)[-1] == (FLEXIBLE, f"{{trigger}}, 1cat, orange fur, {SCENES[0][0]}")
    assert SCENES[1][0] in prompts(*CAT, "mochi, 1cat, snow")[-1][1]


def test_sentences_are_begun_like_the_likest_one() -> None:
    found = prompts(
        "A photo of mochi sitting on green grass in the sun. It looks at us.",
        "A photo of Mochi sitting on green grass near a tree",
        "mochi sleeps on a red sofa beside two old cushions at night",
    )
    assert found[0] == (TYPICAL, "A photo of {trigger} sitting on green grass in the sun")
    assert found[1] == (VARIED, "{trigger} sleeps on a red sofa beside two old cushions at night")
    assert found[2] == (FLEXIBLE, "{trigger} in a snowy forest")


def test_chinese_sentences_get_a_chinese_scene() -> None:
    found = prompts("一只猫坐在草地上看着远处的山", "一只猫躺在沙发上睡觉非常可爱", concept="猫")
    assert found[0][1].startswith("一只{trigger}")
    assert found[-1] == (FLEXIBLE, "{trigger}，在下雪的森林里")


def test_what_means_something_in_a_prompt_is_left_out_or_escaped() -> None:
    found = prompts("mochi, x|y, {a|b}, <lora:z:1>, __list__, saber (fate), miku \\(vocaloid\\)")
    assert found[0] == (TYPICAL, "{trigger}, saber \\(fate\\), miku \\(vocaloid\\)")


def test_another_word_with_which_captions_begin_is_the_trigger() -> None:
    """As in a folder that is called after something else."""
    found = prompts(*CAT, concept="training pictures")
    assert found[0][1] == "mochi, 1cat, sitting, indoors, orange fur"


def test_every_concept_is_shown_once() -> None:
    captions = [("mochi", text) for text in CAT] + [("tanuki", "tanuki, forest path, running")] * 2
    texts = [one.prompt for one in suggested(captions)]
    assert "tanuki, forest path, running" in texts
    assert texts[0].startswith("{trigger}, 1cat")


def test_without_captions_there_is_nothing() -> None:
    assert prompts() == prompts("", "mochi") == []
