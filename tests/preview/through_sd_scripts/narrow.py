"""A real checkout of sd-scripts whose transformers and their text encoders are narrow, so that a run takes seconds.

Its files are links, but for the scripts, as Python looks for modules beside the file that a link leads to, and for those
whose sizes are changed. Everything else, classes and names of layers, is the real thing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

Changes = Sequence[tuple[str, str]]  # what stands there, as often as it does, and what is put there

T5 = (
    ('"d_ff": 10240', '"d_ff": 64'),
    ('"d_kv": 64', '"d_kv": 16'),
    ('"d_model": 4096', '"d_model": 32'),
    ('"num_heads": 64', '"num_heads": 2'),
    ('"num_layers": 24', '"num_layers": 2'),
)
CLIP_L = (
    (
        '"hidden_size": 768,\n        "intermediate_size": 3072,\n        "num_attention_heads": 12,\n'
        '        "num_hidden_layers": 12,\n        "projection_dim": 768,\n        # },\n        # "torch_dtype"',
        '"hidden_size": 32,\n        "intermediate_size": 64,\n        "num_attention_heads": 2,\n'
        '        "num_hidden_layers": 2,\n        "projection_dim": 32,\n        # },\n        # "torch_dtype"',
    ),
)
FLUX = (
    ("vec_in_dim=768", "vec_in_dim=32"),
    ("context_in_dim=4096", "context_in_dim=32"),
    ("hidden_size=3072", "hidden_size=32"),
    ("num_heads=24", "num_heads=2"),
    ("axes_dim=[16, 56, 56]", "axes_dim=[4, 6, 6]"),
    ("ch=128", "ch=32"),
    ("ch_mult=[1, 2, 4, 4]", "ch_mult=[1, 1, 1, 1]"),
    ("num_res_blocks=2", "num_res_blocks=1"),
)
CHROMA = (
    ("context_in_dim=4096,\n    hidden_size=3072", "context_in_dim=32,\n    hidden_size=32"),
    ("num_heads=24,\n    depth=19,\n    depth_single_blocks=38", "num_heads=2,\n    depth=2,\n    depth_single_blocks=2"),
    ("axes_dim=[16, 56, 56]", "axes_dim=[4, 6, 6]"),
    ("approximator_depth=5,\n    approximator_hidden_size=5120", "approximator_depth=2,\n    approximator_hidden_size=32"),
)
NARROWER: Mapping[str, Changes] = {
    "library/flux_models.py": FLUX,
    "library/flux_utils.py": (*CLIP_L, *T5),
    "library/chroma_models.py": CHROMA,
    "networks/oft_flux.py": (("[3072] * 3 + [12288]", "[32] * 3 + [128]"), ("[3072] * 3", "[32] * 3")),
}


def narrow_flows(real: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    changed = {name.partition("/")[0] for name in NARROWER}
    for path in real.iterdir():
        if path.name in changed:
            (folder / path.name).mkdir()
            for inner in path.iterdir():
                (folder / path.name / inner.name).symlink_to(inner)
        elif path.suffix == ".py":
            shutil.copyfile(path, folder / path.name)
        else:
            (folder / path.name).symlink_to(path)
    for name, changes in NARROWER.items():
        text = (real / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{name} says {old} no more"
            text = text.replace(old, new)
        (folder / name).unlink()
        (folder / name).write_text(text, encoding="utf-8")
    return folder
