"""Servers, hubs and logins; see `rule`."""

from __future__ import annotations

from dataclasses import replace

from train_tools.doctor.known.rule import AGAIN, ONLINE, Rule, program

TOO_MANY = Rule(
    "too-many-requests",
    "the server was asked too often and wants a pause",
    "请求过于频繁，服务器要求稍后再试",
    "wait some minutes and start again; a login (HF_TOKEN) is allowed more; or choose another mirror with "
    "`env settings --set hugging_face=…`",
    "等待几分钟后重试；登录（HF_TOKEN）后限额更高；或用 `env settings --set hugging_face=…` 更换镜像",
    error=r"\b429\b|Too Many Requests|rate limit",
    line=r"429 Client Error|Too Many Requests|rate limit",
    offers=(program("hugging_face=off"), AGAIN),
)
NETWORK = (
    Rule(
        "webui-gone",
        "the webui that was to do this was closed, restarted or ran out of memory",
        "承担此任务的 WebUI 已关闭、重启，或因内存不足退出",
        "start the webui and try again: what is done is kept. For pictures, renderer=auto draws what it can without "
        "the webui, and wait_for_host says how long it waits for it; if it ends by itself, look into its own console",
        "启动 WebUI 后重试，已完成的部分会保留。出图时，renderer=auto 会在没有 WebUI 时自行渲染能渲染的部分，"
        "wait_for_host 为等待 WebUI 恢复的秒数；若 WebUI 自行退出，请查看其控制台",
        error=r"doesn't answer .*webui|webui doesn't answer|webui (?:went away|is gone|ended)|ended meanwhile|"
        r"HostGoneError",
        line=r"doesn't answer .*is the webui still running|the webui doesn't answer|webui (?:went away|is gone)|"
        r"no webui with Train Tools is running|ended meanwhile$|WebUI (?:已关闭|无响应)",
        offers=(AGAIN,),
    ),
    Rule(
        "gated",
        "the hub gives this model only to who has a right to it: it is gated, private, gone, or the token is wrong",
        "该模型需要权限：受限（gated）、私有、已删除，或令牌（token）无效",
        "ask for access on the model's page, then set HF_TOKEN; or download the file yourself and give its path; "
        "runwayml/stable-diffusion-v1-5 is gone for good (stable-diffusion-v1-5/stable-diffusion-v1-5)",
        "在模型页面申请访问权限，然后设置 HF_TOKEN；或自行下载文件并填写路径；runwayml/stable-diffusion-v1-5 已下架"
        "（可用 stable-diffusion-v1-5/stable-diffusion-v1-5）",
        error=r"GatedRepo|gated repo|RepositoryNotFound|\b40[13] (?:Client Error|Forbidden|Unauthorized)|"
        r"is restricted and you are not|Invalid (?:username or password|credentials|user token)|"
        r"must be authenticated|"
        r"HTTP Error 40[13]|Access (?:to model .* )?(?:is )?(?:denied|restricted)(?! *[:：]?.*(?:\\|/))|"
        r"LocalTokenNotFound|private or gated",
        line=r"Access to model .* is restricted|Cannot access gated repo|Invalid username or password|"
        r"Authentication failed for",
    ),
    TOO_MANY,
    # The hub's client ends so, whatever the hub had answered it.
    replace(TOO_MANY, error="LocalEntryNotFound", line="", near=TOO_MANY.error),
    Rule(
        "localhost-proxy",
        "a proxy stands between this machine and its own page",
        "代理拦截了对本机页面的访问",
        "set the variable no_proxy=localhost,127.0.0.1 and start again",
        "设置环境变量 no_proxy=localhost,127.0.0.1 后重试",
        error=r"localhost is not accessible|shareable link must be created",
    ),
    Rule(
        "network-unreachable",
        "a server can't be reached",
        "网络不通，无法连接服务器",
        "check the network; choose a proxy or mirrors with `env settings --set proxy=http://…` or "
        "`--set hugging_face=https://…`, and start again",
        "检查网络；用 `env settings --set proxy=http://…` 设置代理或 `--set hugging_face=https://…` 设置镜像后重试",
        error=r"connected party did not|连接尝试失败|NewConnectionError|ConnectTimeout|ReadTimeout|WriteTimeout|"
        r"PoolTimeout|"
        r"ConnectError|ReadError|Connection(?:Reset|Refused|Aborted)?Error|Max retries exceeded|MaxRetryError|"
        r"name resolution|getaddrinfo failed|gaierror|Name or service not known|nodename nor servname|"
        r"LocalEntryNotFound|couldn't connect to|error sending request|Connection (?:reset|refused|aborted|"
        r"timed out)|"
        r"\[WinError 100(?:5[0-9]|6[0-5])\]|\[WinError 1100[1-4]\]|积极拒绝|\[Errno (?:101|104|110|111|113|-2|-3)\]|"
        r"RemoteDisconnected|RemoteProtocolError|IncompleteRead|ChunkedEncoding|ProtocolError|ProxyError|"
        r"SSL(?:Error|EOFError|ZeroReturn|CertVerification)|\[SSL|CERTIFICATE_VERIFY|URLError|TimeoutError|timed out|"
        r"Consistency check failed|\b5\d\d (?:Server Error|Bad Gateway)|Bad Gateway|Gateway Time-?out|"
        r"Service Unavailable|HTTP Error 5\d\d|Network is unreachable|No route to host|"
        r"outgoing traffic has been disabled|offline mode is enabled|OfflineModeIsEnabled|"
        r"cannot find the requested files|Cannot connect to|a server can't be reached|"
        r"Failed to (?:download|fetch)|httpx\.|httpcore\.|Hub.*(?:unreachable|connect)",
        line=r"a server can't be reached|Could not resolve host|unable to access 'https?|Failed to connect to|"
        r"RPC failed; curl|fetch-pack|early EOF|gnutls_handshake|schannel|OpenSSL SSL_|error sending request for url|"
        r"Temporary failure in name resolution|Could not resolve proxy|We couldn't connect to 'https?|"
        r"^curl: \(\d+\)|Connection timed out|NewConnectionError|ConnectTimeoutError|Network is unreachable",
        offers=(ONLINE, program("hugging_face=auto"), AGAIN),
        source="F19",
    ),
)
