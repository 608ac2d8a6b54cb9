"""Links to the parts of a page, after its header."""

import re

_HEADING = re.compile(r'<h2(?: id="([^"]*)")?( lang="[^"]*")?>(.*?)</h2>', re.DOTALL)
_HEADER_END = "</header>"


def with_contents(page: str) -> str:
    """A page whose headings (h2) are listed after its header, each as a link.

    A heading with other attributes than `id` and `lang` is not listed, such as that of
    a part which a script reveals. Ids that are missing are given.

    >>> page = "<header></header><h2>Trends</h2>"
    >>> print(with_contents(page))
    <header></header>
    <nav class="contents" aria-label="Contents"><ul>
    <li><a href="#part-1">Trends</a></li>
    </ul></nav><h2 id="part-1">Trends</h2>
    """
    links: list[str] = []

    def named(heading: re.Match[str]) -> str:
        given, lang, title = heading.groups()
        lang = lang or ""
        name = given or f"part-{len(links) + 1}"
        links.append(f'<li><a href="#{name}"{lang}>{title}</a></li>')
        return f'<h2 id="{name}"{lang}>{title}</h2>'

    page = _HEADING.sub(named, page)
    listed = "\n".join(
        ['<nav class="contents" aria-label="Contents"><ul>', *links, "</ul></nav>"]
    )
    return page.replace(_HEADER_END, f"{_HEADER_END}\n{listed}", 1)
