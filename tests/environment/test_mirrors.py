"""A mirror that the user has set for pip serves uv too."""

from __future__ import annotations

from train_tools.environment.mirrors import parse, uv_variables

LISTING = """\
:env:.find-links='/wheels'
global.cert='/etc/ssl/ca.crt'
global.index-url='https://mirror.example/simple'
global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'
install.trusted-host='mirror.example'
install.find-links='/other'
not a setting
download.index-url='https://only-for-download.example/simple'
"""


def test_pip_settings_in_uvs_words() -> None:
    assert uv_variables(parse(LISTING), {}) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels",
        "UV_INSECURE_HOST": "mirror.example",
        "SSL_CERT_FILE": "/etc/ssl/ca.crt",
    }


def test_what_is_set_for_uv_stays() -> None:
    variables = uv_variables(
        parse(LISTING), {"UV_DEFAULT_INDEX": "https://mine.example", "SSL_CERT_FILE": "/mine"}
    )
    assert not {"UV_DEFAULT_INDEX", "SSL_CERT_FILE"} & set(variables)


def test_no_settings_no_variables() -> None:
    assert uv_variables(parse(""), {}) == {}
