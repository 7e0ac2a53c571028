"""`python recorder.py SCRIPT OUT --config_file RUN`: a training of the real sd-scripts, and what it drew for each step.

Runs in sd-scripts' own interpreter. OUT (safetensors) holds the network's first weights as `first.<name>`, and of each
step `<step>.latents`, `.noise`, `.added` (what was added to the latents), `.timesteps`, `.sizes` (B, 6) and `.weights`;
its metadata `captions` and `losses` (of the steps, as JSON).
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

tensors: dict[str, torch.Tensor] = {}
captions: list[list[str]] = []
losses: list[float] = []


def main(script: str, out: str, arguments: list[str]) -> None:
    sys.path[0] = str(Path(script).parent)
    sys.argv = [script, *arguments]
    import train_network
    from library import train_util
    from safetensors.torch import save_file

    chances = train_util.get_noise_noisy_latents_and_timesteps
    batch_of = train_network.NetworkTrainer.process_batch

    def drawn(args: Any, scheduler: Any, latents: torch.Tensor) -> Any:
        noise, noisy, timesteps = chances(args, scheduler, latents)
        signal = scheduler.alphas_cumprod[timesteps.cpu()].view(-1, 1, 1, 1)
        added = noise if not args.ip_noise_gamma else (noisy - signal.sqrt() * latents) / (1 - signal).sqrt()
        keep(latents=latents, noise=noise, added=added, timesteps=timesteps)
        return noise, noisy, timesteps

    def processed(
        self: Any, batch: dict[str, Any], texts: Any, unet: Any, network: Any, *rest: Any, **named: Any
    ) -> Any:
        if not losses:
            tensors.update({f"first.{name}": value.clone() for name, value in network.state_dict().items()})
        sizes = [batch[name] for name in ("original_sizes_hw", "crop_top_lefts", "target_sizes_hw")]
        keep(sizes=torch.cat(sizes, 1), weights=batch["loss_weights"])
        captions.append(list(batch["captions"]))
        loss = batch_of(self, batch, texts, unet, network, *rest, **named)
        losses.append(float(loss.detach()))
        return loss

    train_util.get_noise_noisy_latents_and_timesteps = drawn
    train_network.NetworkTrainer.process_batch = processed
    # What the script's own last lines do: run as a file it would have classes of its own, which nobody listens to.
    module = importlib.import_module(Path(script).stem)
    parser = module.setup_parser()
    args = train_util.read_config_from_file(parser.parse_args(), parser)
    getattr(module, "SdxlNetworkTrainer", train_network.NetworkTrainer)().train(args)
    said = {"captions": json.dumps(captions), "losses": json.dumps(losses)}
    save_file({name: value.detach().contiguous().clone() for name, value in tensors.items()}, out, said)


def keep(**values: torch.Tensor) -> None:
    tensors.update({f"{len(losses)}.{name}": value for name, value in values.items()})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
