"""Made addresses: invented ones, in the shapes that people in China write, to measure a mask with."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

# Real names of places, picked for what makes them hard: numerals, the words of a house, missing levels.
REGIONS = (
    "浙江省/杭州市/西湖区 浙江省/台州市/三门县 浙江省/台州市/路桥区 浙江省/宁波市/余姚市 "
    "河南省/郑州市/二七区 河南省/新乡市/红旗区 河南省/三门峡市/湖滨区 河南省/开封市/鼓楼区 "
    "湖北省/十堰市/张湾区 湖北省/恩施土家族苗族自治州/恩施市 湖北省/武汉市/洪山区 "
    "吉林省/四平市/铁西区 吉林省/长春市/二道区 甘肃省/兰州市/七里河区 云南省/昆明市/五华区 "
    "江苏省/南京市/六合区 江苏省/苏州市/工业园区 江苏省/无锡市/梁溪区 广西壮族自治区/贺州市/八步区 "
    "广西壮族自治区/百色市/右江区 陕西省/宝鸡市/千阳县 陕西省/西安市/未央区 湖南省/岳阳市/岳阳楼区 "
    "山东省/济南市/市中区 山东省/青岛市/市南区 河北省/唐山市/路南区 四川省/成都市/双流区 "
    "广东省/东莞市/ 广东省/中山市/ 广东省/广州市/天河区 广东省/深圳市/南山区 海南省/三亚市/吉阳区 "
    "福建省/三明市/三元区 安徽省/六安市/金安区 江西省/九江市/浔阳区 黑龙江省/大兴安岭地区/加格达奇区 "
    "黑龙江省/哈尔滨市/道里区 辽宁省/沈阳市/和平区 内蒙古自治区/锡林郭勒盟/正蓝旗 "
    "新疆维吾尔自治区/伊犁哈萨克自治州/伊宁市 西藏自治区/拉萨市/城关区 贵州省/遵义市/汇川区 "
    "青海省/西宁市/城东区 宁夏回族自治区/银川市/兴庆区 山西省/太原市/万柏林区 北京市//海淀区 "
    "上海市//浦东新区 天津市//南开区 重庆市//秀山土家族苗族自治县 重庆市//万州区"
).split()
TOWNS = (
    "翠苑街道 三墩镇 五常街道 四季青街道 十八里店乡 九龙坡街道 长安镇 千灯镇 八里台街道 南楼街道"
).split()
ROADS = (
    "文三路 中山一路 中山东一路 五四大街 八一大道 建设北路 北三环东路 二道街 人民南路四段 百草路 "
    "解放路 十里铺路 第六大街 学院路 九华山路 一环路东段 七星街 双塔西街 四方坪路 珠江新城华夏路 "
    "三里屯路 西门外大街 楼台路 百子湾南一路 万寿路 六纬路 金钟河大街 二马路"
).split()
VILLAGES = ("赵家村 李家庄村 五里墩村 上河湾村 三家子屯 新桥村 大王庄 八里营村").split()
COMPLEXES = (
    "阳光花园 翠苑 安贞西里 曲阳新村 恒大绿洲 科技大厦 国际广场 万科城市花园 紫金庭院 滨江公馆 创业园 "
    "家属院 锦绣江南 望江楼小区 双子座大厦 百合苑 九龙仓时代广场 五月花公寓 西子国际 星光大道商业中心 "
    "物流园 职工宿舍"
).split()
SPELLED = "零一二三四五六七八九"


@dataclass(frozen=True, slots=True)
class MadeAddress:
    """An address, where its routing part ends, and where its building, unit, floor or room begins."""

    text: str
    routing_end: int
    unit_start: int


def make_addresses(count: int, *, seed: int) -> Iterator[MadeAddress]:
    """Make *count* addresses that all tell a unit, a floor or a room."""
    chance = Random(seed)
    for _ in range(count):
        yield _made(chance)


def _made(chance: Random) -> MadeAddress:
    gap = chance.choices(["", " "], [9, 1])[0]
    routing = _routing(chance, gap)
    house = routing + gap + _place(chance, gap) + chance.choice([*COMPLEXES, *[""] * 8])
    unit = chance.choice(RARE_UNITS if chance.random() < RARE else UNITS)(chance)
    return MadeAddress(house + unit, len(routing), len(house))


def _routing(chance: Random, gap: str) -> str:
    province, city, county = chance.choice(REGIONS).split("/")
    shortened = chance.random()
    if shortened < 0.1 and city:
        province = ""
    elif shortened < 0.2:
        province = province.removesuffix("省").removesuffix("市")
    town = chance.choice(TOWNS) if chance.random() < 0.3 else ""
    return gap.join(part for part in (province, city, county, town) if part)


def _place(chance: Random, gap: str) -> str:
    if chance.random() < 0.15:
        return chance.choice(VILLAGES)
    number = str(chance.randint(1, 1999))
    return (
        chance.choice(ROADS)
        + gap
        + chance.choice(
            [
                f"{number}号",
                f"{number}号",
                f"{number}号",
                f"{number}弄{chance.randint(1, 60)}号",
                f"甲{number}号",
                f"{number}-{chance.randint(1, 9)}号",
                f"{number}号附{chance.randint(1, 9)}号",
                f"{_spoken(chance.randint(1, 99))}号",
                f"与{chance.choice(ROADS)}交叉口",
                "",
            ]
        )
    )


def _spoken(number: int) -> str:
    """Say a number below a hundred: 27 is 二十七."""
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else SPELLED[tens]) + ("十" if tens else "") + (SPELLED[ones] if ones else "")


def _room(chance: Random) -> str:
    return f"{chance.randint(1, 33)}{chance.randint(1, 12):02d}"


def _spelled_room(chance: Random) -> str:
    zero = chance.choice("零〇")
    return "".join(zero if digit == "0" else SPELLED[int(digit)] for digit in _room(chance))


def _building(chance: Random) -> str:
    number = chance.randint(1, 40)
    return chance.choice(
        [
            str(number),
            _spoken(number),
            chance.choice("ABCDEF"),
            chance.choice("甲乙丙丁"),
            f"第{_spoken(number)}",
        ]
    )


def _wide(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


# From what is usual to what is rare; each is as likely as the next, which is harder than the street.
UNITS = [
    lambda c: f"{c.randint(1, 40)}栋{c.randint(1, 4)}单元{_room(c)}室",
    lambda c: f"{c.randint(1, 40)}幢{_room(c)}",
    lambda c: f"{c.randint(1, 40)}号楼{c.randint(1, 4)}单元{_room(c)}",
    lambda c: f"{_building(c)}栋{_spoken(c.randint(1, 4))}单元{_spelled_room(c)}室",
    lambda c: f"{_building(c)}座{_room(c)}室",
    lambda c: f"{_building(c)}座{_spoken(c.randint(1, 30))}层",
    lambda c: (
        f"{_building(c)}号楼{_spoken(c.randint(1, 6))}单元{_spoken(c.randint(1, 6))}楼{c.choice('东西')}户"
    ),
    lambda c: f"{_spoken(c.randint(1, 6))}单元{_spelled_room(c)}",
    lambda c: f"{c.randint(1, 9)}-{c.randint(1, 4)}-{_room(c)}",
    lambda c: f"{SPELLED[c.randint(1, 9)]}-{SPELLED[c.randint(1, 4)]}-{_spelled_room(c)}",
    lambda c: f"{c.choice('ABCDEF')}{_room(c)}",
    lambda c: f"{c.choice('ABCDEF')}-{_room(c)}",
    lambda c: _wide(f"{c.choice('ABCDEF')}{_room(c)}"),
    lambda c: f"{_wide(str(c.randint(1, 40)))}号楼",
    lambda c: f"#{_room(c)}",
    lambda c: f"No.{_room(c)}",
    lambda c: f"Room {_room(c)}",
    lambda c: f"{c.randint(2, 40)}F",
    lambda c: f"{_room(c)}",
    lambda c: f"{_room(c)}房",
    lambda c: f"{_spelled_room(c)}室",
    lambda c: f"{_spelled_room(c)}",
    lambda c: f"{c.choice('东西南北中')}单元{_room(c)}",
    lambda c: f"{c.choice('东西南北')}楼{_spoken(c.randint(1, 9))}层",
    lambda c: f"{c.choice('东西南北')}座",
    lambda c: f"{c.choice('前后主副附')}楼{c.choice('东西')}户",
    lambda c: f"负{_spoken(c.randint(1, 3))}层B{_room(c)}",
    lambda c: f"地下{_spoken(c.randint(1, 2))}层",
    lambda c: f"{_spoken(c.randint(1, 30))}楼",
    lambda c: f"{_spoken(c.randint(1, 12))}组{c.randint(1, 200)}号",
    lambda c: f"{_spoken(c.randint(1, 12))}队",
    lambda c: f"{_spoken(c.randint(1, 4))}期{c.randint(1, 40)}栋",
    lambda c: f"{_spoken(c.randint(1, 9))}区{c.randint(1, 40)}号楼{c.randint(1, 6)}门{_room(c)}",
    lambda c: f"{c.choice('①②③④⑤')}栋{_room(c)}",
    lambda c: f"（{c.randint(1, 40)}栋）{_room(c)}",
]

# What people say where there is no sign on the door; no rule was made for these.
RARE = 0.02
RARE_UNITS = [
    lambda c: _spoken(c.randint(11, 40)),
    lambda c: f"{_spoken(c.randint(1, 9))}零{_spoken(c.randint(1, 9))}",
    lambda c: f"{c.choice('东西')}头第{_spoken(c.randint(2, 6))}家",
    lambda c: f"第{_spoken(c.randint(2, 6))}排{c.choice('东西')}边",
    lambda c: f"{c.choice('左右')}手{_spoken(c.randint(2, 6))}号车库",
    lambda c: f"{c.choice(['天井', '阁楼', '楼上', '里间'])}{_spoken(c.randint(1, 4))}",
]
