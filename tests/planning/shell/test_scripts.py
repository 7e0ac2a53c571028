"""Scripts as people have them: what each would give the trainer."""

from __future__ import annotations

from typing import Any

import pytest

from train_tools.errors import UsageError
from train_tools.planning.pasted import parse_pasted, parse_what_is_right

SCRIPTS: list[tuple[str, dict[str, Any]]] = [
    # What stands before the call
    ("CUDA_VISIBLE_DEVICES=0 accelerate launch train_network.py --seed 1", {"seed": 1}),
    ("A=1 B='x y' python train_network.py --seed 1", {"seed": 1}),
    ("set CUDA_VISIBLE_DEVICES=0 && accelerate launch train_network.py --seed 1", {"seed": 1}),
    ("set X=0&& accelerate launch train_network.py --seed 1 & pause", {"seed": 1}),
    ("export A=1 B=2; env C=3 nohup python train_network.py --seed 1 > log.txt 2>&1 &", {"seed": 1}),
    ('$Env:CUDA_VISIBLE_DEVICES="0"; accelerate launch train_network.py --seed 1', {"seed": 1}),
    ("cd /x/sd-scripts && source venv/bin/activate && python train_network.py --seed 1 | tee a.log", {"seed": 1}),
    ("conda activate k\ncall venv\\Scripts\\activate.bat\npython train_network.py --seed 1\npause", {"seed": 1}),
    ('bash -c "accelerate launch train_network.py --seed 1 --lowram"', {"seed": 1, "lowram": True}),
    ("10:11:12 INFO  Executing command: /v/accelerate launch /k/train_network.py --seed 1", {"seed": 1}),
    ('10:11 INFO  accelerate launch "./train_network.py"   gui.py:1085\n      --seed=1 --lowram        gui.py:1086',
     {"seed": 1, "lowram": True}),
    ("(venv) PS C:\\kohya> accelerate launch .\\train_network.py --seed 1", {"seed": 1}),
    # Continued lines
    ("python train_network.py \\\n  --seed 1 \\\n  # --network_dim 4 \\\n  --lowram \\\n", {"seed": 1, "lowram": True}),
    ("python train_network.py `\n --seed=1 ` # the start\n # no\n --lowram", {"seed": 1, "lowram": True}),
    ("python train_network.py ^\n --seed=1 ^\n rem --vae=x ^\n :: more\n --lowram", {"seed": 1, "lowram": True}),
    ("python train_network.py\n--seed 1\n\n  --lowram\necho done", {"seed": 1, "lowram": True}),
    ('python train_network.py --optimizer_args "a=1" \\\n "b=2" --training_comment "two\nlines"',
     {"optimizer_args": ["a=1", "b=2"], "training_comment": "two\nlines"}),
    # Variables
    ("lr=${LR:-3e-4}\npython train_network.py --unet_lr $lr --seed ${SEED:-5}", {"unet_lr": 3e-4, "seed": 5}),
    ('set "LR=1e-4"\nset DIM=8\npython train_network.py --unet_lr %LR% --network_dim=%DIM%',
     {"unet_lr": 1e-4, "network_dim": 8}),
    ("lr = 1e-4 #@param\n!python train_network.py --unet_lr={lr}", {"unet_lr": 1e-4}),
    ("[string]$a = 'x'\n$b = $a + '.pt'\npython train_network.py --vae $b", {"vae": "x.pt"}),
    ("for lr in 1e-4 3e-4; do\n  python train_network.py --unet_lr $lr\ndone", {"unet_lr": [1e-4, 3e-4]}),
    ("foreach ($d in 4, 8) {\n  python train_network.py --network_dim $d\n}", {"network_dim": [4, 8]}),
    # Lists
    (("args=(\n  --seed 1\n  # --vae x\n  --network_args \"a=1\" \"b=2\"\n)\nargs+=(--lowram)\n"
      'python train_network.py "${args[@]}"'), {"seed": 1, "network_args": ["a=1", "b=2"], "lowram": True}),
    ('$a = @(\n  "--seed=1",\n  "--lowram"\n)\n$a += "--xformers"\npython train_network.py @a',
     {"seed": 1, "lowram": True, "xformers": True}),
    (("$e = [System.Collections.ArrayList]::new()\n$w = 'l.pt'\nif ($w) {\n [void]$e.Add('--network_weights=' + $w)\n}"
      "\npython train_network.py --seed 1 $e"), {"seed": 1, "network_weights": "l.pt"}),
    ('OPTS="--seed 1 --lowram"\npython train_network.py $OPTS', {"seed": 1, "lowram": True}),
    # Branches
    (("m=sdxl\nif [ $m == sd ]; then\n  f=train_network.py\nelif [ $m == sdxl ]; then\n  f=sdxl_train_network.py\nfi\n"
      "python ./scripts/$f --seed 1"), {"seed": 1}),
    (("x=0\ny=\ne=()\nif [[ $x -ne 0 ]]; then e+=(--vae a); else e+=(--vae b); fi\nif [[ $y ]]; then e+=(--lowram); fi"
      "\npython train_network.py ${e[@]}"), {"vae": "b"}),
    (("$x = 0\nif ($x -eq 1) { $v = 'a' } elseif ($x -ne 0) { $v = 'b' } else { $v = 'c' }\n"
      "python train_network.py --vae $v"), {"vae": "c"}),
    ("$s = 1\n$f = if ($s) { 'sdxl_train_network.py' } else { 'train_network.py' }\npython $f --seed 1", {"seed": 1}),
    # What Python prints
    (("subprocess.CalledProcessError: Command '['C:\\\\k\\\\python.exe', 'train_network.py', '--seed=1', '--resolu\n"
      "tion=512,512', \"--caption_prefix=it's\"]' returned non-zero exit status 1."),
     {"seed": 1, "resolution": "512,512", "caption_prefix": "it's"}),
    ("subprocess.run(['accelerate', 'launch', 'train_network.py', '--optimizer_args', 'a=1', 'b=2'])",
     {"optimizer_args": ["a=1", "b=2"]}),
    ("cmd = [\n  sys.executable, '-m', 'accelerate',\n  'train_network.py',\n  '--seed', '1', '--lowram',\n]",
     {"seed": 1, "lowram": True}),
    ("cat > a.toml <<EOF\nnetwork_dim = 32\nEOF\npython train_network.py --seed 1", {"seed": 1}),
    # Several calls: the first
    ("python tag.py --seed 9\npython train_network.py --seed 1\npython train_network.py --seed 2", {"seed": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("script", "values"), SCRIPTS)
def test_what_a_script_gives_the_trainer(script: str, values: dict[str, Any]) -> None:
    pasted = parse_pasted(script)
    assert pasted.values == values
    assert pasted.script in ("train_network.py", "sdxl_train_network.py")
    assert parse_pasted(script.replace("\n", "\r\n").replace("two\r\n", "two\n")).values == values


def test_which_script_is_called() -> None:
    by_branch = SCRIPTS[next(i for i, (script, _) in enumerate(SCRIPTS) if script.startswith("m=sdxl"))][0]
    assert parse_pasted(by_branch).script == "sdxl_train_network.py"
    assert parse_pasted(by_branch.replace("m=sdxl", "m=sd")).script == "train_network.py"


def test_what_the_text_doesnt_say_is_left_open() -> None:
    script = "e=()\nif [ -f x ]; then e+=(--lowram); fi\npython train_network.py --seed 1 ${e[@]}"
    pasted = parse_pasted(script)
    assert pasted.values == {"seed": 1}
    assert "the script fills it" in pasted.left_out["$e"]
    either = "if [ -f x ]; then lr=1e-3; else lr=1e-4; fi\npython train_network.py --unet_lr $lr --seed 1"
    assert "takes $lr" in parse_what_is_right(either).left_out["--unet_lr"]


def test_what_python_computes_is_left_open() -> None:
    pasted = parse_what_is_right("run(['train_network.py', '--seed', '1', f'--unet_lr={lr}', '--vae', vae])")
    assert pasted.values == {"seed": 1}
    assert "takes lr" in pasted.left_out["--unet_lr"]
    assert "takes vae" in pasted.left_out["--vae"]


def test_the_launcher_says_the_precision_where_the_trainer_isnt_told() -> None:
    call = "accelerate launch --mixed_precision fp16 train_network.py --seed 1"
    assert parse_what_is_right(call).values == {"seed": 1, "mixed_precision": "fp16"}
    told = parse_what_is_right(f"{call} --mixed_precision=bf16")
    assert told.values["mixed_precision"] == "bf16"


def test_several_trainings_in_one_text_are_told() -> None:
    found = parse_what_is_right("python train_network.py --seed 1\npython sdxl_train_network.py --seed 2")
    assert found.values == {"seed": 1}
    assert "starts 2 trainings" in found.left_out["sdxl_train_network.py"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo hello", "no argument of sd-scripts was found"),
        ("lr=1e-4", "no argument of sd-scripts was found"),
        ("# --seed 1", "no argument of sd-scripts was found"),
        ("python qwen_image_train_network.py --seed 1", "musubi-tuner, which trains LoRAs for Qwen-Image"),
        ("python new_train_network.py --seed 1", "no LoRA trainer of sd-scripts that is known here"),
        ("python train_network.py --vae 'open", "never closed"),
    ],
)
def test_a_text_without_any_is_an_error_that_says_what_was_looked_for(script: str, words: str) -> None:
    for read in (parse_pasted, parse_what_is_right):
        with pytest.raises(UsageError, match=words):
            read(script)
