"""The webui that draws pictures for us: when it isn't there."""

from __future__ import annotations

from train_tools.doctor.catalogue import Row

WEBUI = (
    Row(
        id="webui-gone",
        patterns=(
            r"the webui went away",
            r"doesn't answer \(.*\); is the webui still running",
            r"no webui with Train Tools is running",
            r"WebUI (?:已关闭|无响应)",
        ),
        means="the webui that was to draw the pictures was closed, restarted or ran out of memory",
        means_zh="负责出图的 WebUI 已关闭、重启，或因内存不足退出",
        do=(
            "start the webui and run the preview again: what is drawn is kept. renderer=auto draws what it can without "
            "the webui, wait_for_host says how long it waits for it; if it ends by itself, look into its own console"
        ),
        do_zh=(
            "启动 WebUI 后再次运行预览，已出的图会保留；renderer=auto 会在没有 WebUI 时自行渲染能渲染的部分，"
            "wait_for_host 为等待 WebUI 恢复的秒数；若 WebUI 自行退出，请查看其控制台"
        ),
        source="Train Tools",
    ),
)
