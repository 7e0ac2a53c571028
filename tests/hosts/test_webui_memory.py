"""The GPU is freed in each kind of webui by what frees it there, and what came is measured."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from types import SimpleNamespace

import pytest
from hosts.memory_doubles import KINDS, LoadedModel, Model, Webui

from train_tools.hosts.interface import KEEP, PAUSE, SHARE, WAIT, HostError, MemorySeen
from train_tools.hosts.webui_memory import memory_lent, memory_of


@pytest.fixture(params=KINDS)
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Webui:
    return Webui(request.param, monkeypatch)


@pytest.mark.parametrize("mode", [WAIT, PAUSE])
def test_the_model_is_off_the_gpu_while_it_is_lent(webui: Webui, mode: str) -> None:
    with memory_lent(mode) as lent:
        assert webui.model.place == "cpu"
        assert webui.lock.locked()
        assert lent.look() == MemorySeen(models=0)
    assert not webui.lock.locked()
    assert webui.data.sd_model is webui.model
    # Where nothing is loaded by the picture itself it is brought back.
    assert webui.model.place == ("cuda" if webui.kind == "a1111" else "cpu")


def test_what_is_loaded_meanwhile_goes_out_too(webui: Webui) -> None:
    with memory_lent(WAIT) as lent:
        webui.draw()  # as an extension may that takes no lock
        assert lent.look().models == 0
        assert webui.model.place == "cpu"


def test_to_share_nothing_of_the_model_is_kept(webui: Webui) -> None:
    with memory_lent(SHARE) as lent:
        assert not webui.lock.locked()
        assert lent.look() == MemorySeen(models=0)
        assert webui.model.place in ("cpu", "meta")
        # A model that is loaded beside is the only one.
        gone = weakref.ref(webui.model)
        del webui.model
        gc.collect()
        assert gone() is None
        assert not getattr(webui.sd_models, "checkpoints_loaded", {})
        if webui.kind in ("forge", "neo"):
            assert webui.data.forge_hash == "", "else it would be taken for loaded"


def test_keep_touches_nothing(webui: Webui) -> None:
    with memory_lent(KEEP) as lent:
        assert webui.model.place == "cuda"
        assert not webui.lock.locked()
        assert lent.look().trouble == ""


def test_one_that_keeps_its_models_is_seen(webui: Webui, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = memory_of()
    assert memory is not None
    monkeypatch.setattr(type(memory), "move_out", lambda self: None)
    with memory_lent(WAIT) as lent:
        assert lent.look().models == 1
        assert "it kept 1 of its models in the GPU's memory" in lent.look().trouble


@pytest.mark.parametrize("kind", ["forge", "neo", "reforge"])
def test_what_is_on_the_cpu_or_gone_is_in_nobodys_way(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    webui = Webui(kind, monkeypatch)
    with memory_lent(WAIT) as lent:
        webui.loaded.append(LoadedModel(Model("cpu"), "cpu"))
        webui.loaded.append(LoadedModel(Model(), dead=True))
        assert lent.look().trouble == ""


def test_memory_that_stays_taken_is_seen() -> None:
    assert MemorySeen(0, 512 << 20).trouble == ""
    assert "still holds 4.3 GB" in MemorySeen(0, 4 << 30).trouble
    assert MemorySeen(2, 4 << 30).trouble.endswith("when it was asked to free it, 4.3 GB")


@pytest.mark.parametrize("kind", ["a1111", "reforge"])
def test_the_loading_at_the_webuis_start_is_awaited(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """modules/sd_models.py: get_sd_model() loads while it holds `lock`, in a thread of its own."""
    webui = Webui(kind, monkeypatch)
    webui.data.lock.acquire()
    entered = threading.Event()

    def lend() -> None:
        with memory_lent(WAIT):
            entered.set()

    thread = threading.Thread(target=lend)
    thread.start()
    assert not entered.wait(0.2)
    webui.data.lock.release()
    assert entered.wait(5)
    thread.join()


def test_an_extensions_copy_of_forges_parts_isnt_taken_in_automatic1111(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Webui("reforge", monkeypatch)
    webui = Webui("a1111", monkeypatch)
    monkeypatch.setitem(sys.modules, "ldm_patched.modules.model_management", _management_of(other))
    with memory_lent(WAIT):
        assert (webui.model.place, other.model.place) == ("cpu", "cuda")


def test_a_webui_without_any_way_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    webui = Webui("neo", monkeypatch)
    monkeypatch.delitem(sys.modules, "backend.memory_management")
    with pytest.raises(HostError, match="doesn't let extensions free"), memory_lent(WAIT):
        pass
    assert not webui.lock.locked()


def _management_of(webui: Webui) -> object:
    return SimpleNamespace(
        current_loaded_models=webui.loaded,
        unload_all_models=webui._unload_all_models,
        soft_empty_cache=webui._soft_empty_cache,
    )
