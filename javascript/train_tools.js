// The tab of Train Tools: gives the frame its address when it is first seen, with the webui's theme and language,
// and says in the webui when a training has its GPU.
(function () {
    const STATE_EVERY_MS = 15000;
    const FRAME = "train_tools_frame";
    const TEXTS = {
        en: {
            wait: "Train Tools is training and has the GPU: pictures wait until the run ends. Pause it in the Train Tools tab to go on here.",
            share: "Train Tools is training: pictures load the webui's model again beside it, and both are slower.",
        },
        zh: {
            wait: "Train Tools 正在训练并占用显卡:出图会排队到训练结束。可在 Train Tools 标签页中暂停训练。",
            share: "Train Tools 正在训练:出图会重新载入 WebUI 的模型,两者都会变慢。",
        },
    };

    const root = () => (typeof gradioApp === "function" ? gradioApp() : document);
    const setting = (name) => (typeof opts === "object" && opts ? opts[name] : undefined);

    /** Where the webui's server is: it may stand below a path of a reverse proxy. */
    function base() {
        const given = window.gradio_config && window.gradio_config.root;
        const path = given ? new URL(given, location.href).pathname : location.pathname;
        return path.replace(/\/+$/, "");
    }

    /** "zh" or "en" where the webui's interface has a language, else nothing: then the page takes the browser's. */
    function language() {
        const name = String(setting("localization") || "None");
        if (name === "None") return "";
        return /^(zh|chinese)/i.test(name) ? "zh" : "en";
    }

    function address() {
        const query = new URLSearchParams({ theme: document.body.classList.contains("dark") ? "dark" : "light" });
        if (language()) query.set("language", language());
        return `${base()}/train_tools/?${query}`;
    }

    function fit(frame) {
        const top = frame.getBoundingClientRect().top + window.scrollY;
        frame.style.height = `max(30rem, calc(100vh - ${Math.max(0, Math.round(top))}px - 0.5rem))`;
    }

    function watchFrame() {
        const frame = root().querySelector(`#${FRAME}`);
        if (!frame || frame.dataset.watched) return;
        frame.dataset.watched = "1";
        new IntersectionObserver((entries) => {
            if (!entries.some((entry) => entry.isIntersecting)) return;
            if (!frame.getAttribute("src")) frame.src = address();
            fit(frame);
        }).observe(frame);
        window.addEventListener("resize", () => frame.offsetParent && fit(frame));
    }

    function showNotice(text) {
        let notice = document.getElementById("train_tools_notice");
        if (!text) {
            if (notice) notice.remove();
            return;
        }
        if (!notice) {
            notice = document.createElement("div");
            notice.id = "train_tools_notice";
            notice.setAttribute("role", "status");
            document.body.append(notice);
        }
        if (notice.textContent !== text) notice.textContent = text;
    }

    async function look() {
        if (document.hidden) return;
        try {
            const answer = await fetch(`${base()}/train_tools/_door/state`, { credentials: "same-origin" });
            if (!answer.ok) return;
            const state = await answer.json();
            const words = TEXTS[language() || ((navigator.language || "").startsWith("zh") ? "zh" : "en")];
            showNotice(state.trainings > 0 ? words[state.mode] || "" : "");
        } catch (error) {
            // The webui is restarting.
        }
    }

    if (typeof onUiLoaded === "function") onUiLoaded(watchFrame);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(watchFrame);
    document.addEventListener("visibilitychange", look);
    setInterval(look, STATE_EVERY_MS);
})();
