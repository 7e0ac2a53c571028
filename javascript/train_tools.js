// The tab of Train Tools: gives the frame its address when it is first seen, with the webui's theme and language,
// and says in the webui when a training has its GPU.
(function () {
    const STATE_EVERY_MS = 15000;
    const SOON_MS = 1500;
    const FRAME = "train_tools_frame";
    const NOTICE = "train_tools_notice";
    const LEAST_HEIGHT = "30rem"; // of the frame, in a window that is too low for it
    // Whether the tab was opened in this browser and its server let us in: nobody else is asked for the state, as a
    // webui with a login of its own would have the browser ask for a password on a page that never used Train Tools.
    // A picture that waits is told why by the webui's own progress line, for everybody.
    const OPENED = "train-tools.opened";
    const TEXTS = {
        en: {
            wait: "Train Tools is training ({runs}) and has the GPU: pictures wait until the run ends.",
            pause: "Train Tools is training ({runs}) and has the GPU: a picture pauses it, and it goes on after.",
            share: "Train Tools is training ({runs}): pictures load the webui's model again beside it, and both are slower.",
            pausing: "Train Tools saves the training's state ({runs}) and then gives the GPU to your pictures.",
            paused: "The training of Train Tools ({runs}) is paused for your pictures. {after}",
            alone: "It goes on by itself after {minutes} min without pictures.",
            told: "It goes on when you say so, here or in the Train Tools tab.",
            one: "run {first} of {total}, {percent} %",
            several: "runs {first} to {last} of {total}, {percent} %",
            begins: "it begins",
            to_pause: "Pause the training and draw",
            to_go_on: "Go on training",
            close: "Hide this notice",
        },
        zh: {
            wait: "Train Tools 正在训练（{runs}）并占用显卡：出图会排队到训练结束。",
            pause: "Train Tools 正在训练（{runs}）并占用显卡：出图时会暂停训练，之后继续。",
            share: "Train Tools 正在训练（{runs}）：出图会重新载入 WebUI 的模型，两者都会变慢。",
            pausing: "Train Tools 正在保存训练状态（{runs}），随后把显卡让给出图。",
            paused: "Train Tools 的训练（{runs}）已为出图暂停。{after}",
            alone: "{minutes} 分钟没有出图后会自动继续。",
            told: "请在此处或 Train Tools 标签页中让它继续。",
            one: "第 {first} 个训练，共 {total} 个，{percent}%",
            several: "第 {first} 至 {last} 个训练，共 {total} 个，{percent}%",
            begins: "刚开始",
            to_pause: "暂停训练并出图",
            to_go_on: "继续训练",
            close: "隐藏此提示",
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

    /**
     * The frame is as high as the window has room for, so that one scrollbar is there: the page's own. What the webui has
     * below it (padding) is measured with a frame that is too high, as a short page is stretched to the window.
     */
    function fit(frame) {
        if (!frame.offsetParent) return;
        const all = document.scrollingElement;
        const at = window.scrollY;
        frame.style.height = "200vh";
        const box = frame.getBoundingClientRect();
        const around = Math.ceil(all.scrollHeight - box.height);
        frame.style.height = `max(${LEAST_HEIGHT}, calc(100vh - ${around}px))`;
        window.scrollTo({ top: at, behavior: "instant" });
    }

    /** While the tab is open, the webui's footer is out of the way (style.css). */
    function shown(frame, isShown) {
        document.body.classList.toggle("train_tools_open", isShown);
        if (isShown) fit(frame);
    }

    function watchFrame() {
        const frame = root().querySelector(`#${FRAME}`);
        if (!frame || frame.dataset.watched) return;
        frame.dataset.watched = "1";
        new IntersectionObserver((entries) => {
            const isShown = entries.some((entry) => entry.isIntersecting) || Boolean(frame.offsetParent);
            shown(frame, isShown);
            if (!isShown) return;
            if (!frame.getAttribute("src")) {
                frame.src = address();
                remember(true);
                frame.addEventListener("load", () => (fit(frame), look()));
            }
        }).observe(frame);
        window.addEventListener("resize", () => fit(frame));
    }

    /** What stands above the frame has grown or shrunk. */
    function refit() {
        const frame = root().querySelector(`#${FRAME}`);
        if (frame) fit(frame);
    }

    function remember(isOpened) {
        try {
            if (isOpened) localStorage.setItem(OPENED, "1");
            else localStorage.removeItem(OPENED);
        } catch (error) {
            // A browser that keeps nothing.
        }
        wasOpened = isOpened;
    }

    let wasOpened = false;
    try {
        wasOpened = localStorage.getItem(OPENED) === "1";
    } catch (error) {
        // As above.
    }
    let hidden = ""; // the notice that the person has hidden
    let timer = 0;

    const say = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    const words = () => TEXTS[language() || ((navigator.language || "").startsWith("zh") ? "zh" : "en")];

    /** Which notice a state means; nothing where nobody need know of it. */
    function kindOf(state) {
        if (!state.trainings) return "";
        if (state.is_paused) return state.wishes_pause ? "paused" : "";
        return state.wishes_pause ? "pausing" : state.mode;
    }

    function textOf(kind, state) {
        const texts = words();
        if (!texts[kind]) return "";
        const runs = state.total === undefined ? texts.begins : say(state.first === state.last ? texts.one : texts.several,
            { ...state, percent: Math.round(state.percent) });
        const after = state.go_on_after === null ? texts.told : say(texts.alone, { minutes: Math.round(state.go_on_after / 6) / 10 });
        return say(texts[kind], { runs, after });
    }

    function button(text, onclick) {
        const made = document.createElement("button");
        made.type = "button";
        made.textContent = text;
        made.addEventListener("click", () => {
            made.disabled = true;
            onclick();
        });
        return made;
    }

    /** At the head of the page, where it takes its own room, in the font of our page (style.css). */
    function makeNotice(kind, state) {
        const notice = document.createElement("div");
        notice.id = NOTICE;
        notice.dataset.kind = kind;
        notice.setAttribute("role", "status");
        notice.append(document.createElement("span"));
        if (kind === "paused") notice.append(button(words().to_go_on, () => tell("go_on")));
        else if (kind !== "pausing" && state.can_pause) notice.append(button(words().to_pause, () => tell("pause")));
        const close = button("\u00d7", () => {
            hidden = kind;
            notice.remove();
            refit();
        });
        close.className = "train_tools_close";
        close.title = words().close;
        close.setAttribute("aria-label", words().close);
        notice.append(close);
        document.body.prepend(notice);
        refit();
        return notice;
    }

    function showNotice(state) {
        const kind = kindOf(state);
        const text = textOf(kind, state);
        let notice = document.getElementById(NOTICE);
        const key = `${kind} ${state.can_pause}`;
        if (notice && (!text || notice.dataset.key !== key)) {
            notice.remove();
            notice = null;
            refit();
        }
        if (kind !== hidden) hidden = "";
        if (!text || hidden) return;
        notice = notice || makeNotice(kind, state);
        notice.dataset.key = key;
        const line = notice.firstElementChild;
        if (line.textContent !== text) line.textContent = text;
    }

    async function ask(path, method) {
        try {
            const answer = await fetch(`${base()}/train_tools/_door/${path}`, { method, credentials: "same-origin" });
            if (answer.status === 401 || answer.status === 403) remember(false);
            if (answer.ok) showNotice(await answer.json());
        } catch (error) {
            // The webui is restarting.
        }
        const notice = document.getElementById(NOTICE);
        later(notice && ["pausing", "paused"].includes(notice.dataset.kind) ? SOON_MS : STATE_EVERY_MS);
    }

    const tell = (path) => ask(path, "POST");

    function look() {
        if (document.hidden || !wasOpened) later(STATE_EVERY_MS);
        else ask("state", "GET");
    }

    function later(milliseconds) {
        clearTimeout(timer);
        timer = setTimeout(look, milliseconds);
    }

    if (typeof onUiLoaded === "function") onUiLoaded(watchFrame);
    if (typeof onAfterUiUpdate === "function") onAfterUiUpdate(watchFrame);
    document.addEventListener("visibilitychange", look);
    look();
})();
