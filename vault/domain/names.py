"""Names: which letters of a person's name may be shown while the rest is hidden (PRIVACY 2.8).

A Chinese name shows its surname, because regular customers are greeted by it; a name in words shows the
first letter of each. Both functions answer None for what is not the shape of a name.
"""

import re
from typing import Final
from unicodedata import category


def on_screen(text: str) -> str | None:
    """Hide a name for a person at a desk; a form of address (先生, Ms) stays, for it hides nobody."""
    letters = _BLANKS.sub("", text)
    if _CHINESE.fullmatch(letters):
        return _greeted(letters)
    return _each_first(text)


def on_waybill(text: str) -> str | None:
    """Hide a name on paper that strangers hold (GB/T 41833): Chinese as on screen, words as initials."""
    letters = _BLANKS.sub("", text)
    if _CHINESE.fullmatch(letters):
        return _surname_only(letters)
    # A script without capitals (Hangul, Arabic, kana) has no initials; its mask is that of the screen.
    if text.lower() == text.upper():
        return _each_first(text, titles=frozenset())
    return _initials(text)


_BLANKS = re.compile(r"\s+")
_CHINESE_LETTERS = "〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Names of peoples with longer names are written with a dot: 尼古拉斯·赵四.
_CHINESE = re.compile(f"[{_CHINESE_LETTERS}](?:[·•・‧．.]?[{_CHINESE_LETTERS}])*")
_FORMS_OF_ADDRESS: Final = ("先生", "女士", "小姐", "太太", "老师", "老師", "师傅", "師傅")
_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof"})
_COMPOUND: Final = frozenset(
    "欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 "
    "太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 "
    "漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭 南门 羊舌 微生 梁丘 左丘 西门 第五 南荣 "
    "东里 即墨 达奚 褚师 哥舒 完颜 贺兰 纳兰 叶赫 富察 钮祜 歐陽 司馬 東方 獨孤 南宮 萬俟 聞人 諸葛 尉遲 "
    "赫連 澹臺 濮陽 公孫 仲孫 鍾離 長孫 鮮于 閭丘 子車 巫馬 顓孫 壤駟 樂正 穀梁 夾谷 軒轅 東郭 南門 西門 "
    "南榮 東里 達奚 褚師 完顏 賀蘭 納蘭 葉赫".split()
)
_LONGEST_SURNAME: Final = 2
_WORD = re.compile(r"[^\s\-‐]+")
_LETTER = re.compile(r"[^\W\d_]")
_STRANGE = re.compile(r"[\d_]|[^\w\s.,'’‘`·\-‐()]")


def _greeted(letters: str) -> str:
    if not letters.endswith(_FORMS_OF_ADDRESS):
        return _surname_only(letters)
    named, address = letters[:-2], letters[-2:]
    # 王先生 is a surname and nothing else, so there is nothing to hide.
    if len(named) == 1 or named in _COMPOUND:
        return letters
    return _surname_only(named) + address if named else _surname_only(letters)


def _surname_only(letters: str) -> str:
    # One letter always stays hidden: 欧阳 alone may be a Mr 欧, and a single letter is the whole name.
    if len(letters) > _LONGEST_SURNAME and letters[:_LONGEST_SURNAME] in _COMPOUND:
        return letters[:_LONGEST_SURNAME] + "*" * (len(letters) - _LONGEST_SURNAME)
    return letters[0] + "*" * (len(letters) - 1) if len(letters) > 1 else "*"


def _each_first(text: str, titles: frozenset[str] = _TITLES) -> str | None:
    if not _is_name(text):
        return None
    masked = _WORD.sub(lambda word: word[0] if _is_title(word[0], titles) else _first(word[0]), text.strip())
    return masked if "*" in masked else None


def _initials(text: str) -> str | None:
    if not _is_name(text):
        return None
    firsts = [_first(word)[0] for word in _WORD.findall(text) if not _is_title(word, _TITLES)]
    return " ".join(first if first == "*" else f"{first}." for first in firsts) or None


def _is_name(text: str) -> bool:
    # Marks that sit on a letter (Mn, Mc) are strange to the pattern, and belong to a name all the same.
    return bool(_LETTER.search(text)) and all(category(one) in {"Mn", "Mc"} for one in _STRANGE.findall(text))


def _first(word: str) -> str:
    # A word of one letter, with or without a point behind it, would be shown whole.
    if not _LETTER.match(word) or not _LETTER.search(word, 1):
        return "*" * len(word)
    return word[0] + "*" * (len(word) - 1)


def _is_title(word: str, titles: frozenset[str]) -> bool:
    return word.rstrip(".").lower() in titles
