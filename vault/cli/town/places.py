"""Places: addresses of the invented town: real cities, districts and kinds of roads, made-up doors."""

from dataclasses import dataclass
from random import Random

_DISTRICTS = (
    "33 571 浙A 浙江省/杭州市/西湖区|33 571 浙A 浙江省/杭州市/余杭区|33 574 浙B 浙江省/宁波市/鄞州区|"
    "33 579 浙G 浙江省/金华市/义乌市|33 576 浙J 浙江省/台州市/三门县|32 25 苏A 江苏省/南京市/鼓楼区|"
    "32 512 苏E 江苏省/苏州市/吴中区|32 510 苏B 江苏省/无锡市/梁溪区|31 21 沪A 上海市//浦东新区|"
    "31 21 沪B 上海市//闵行区|11 10 京A 北京市//海淀区|11 10 京N 北京市//朝阳区|12 22 津A 天津市//南开区|"
    "50 23 渝A 重庆市//渝北区|44 20 粤A 广东省/广州市/天河区|44 755 粤B 广东省/深圳市/南山区|"
    "44 769 粤S 广东省/东莞市/|44 757 粤E 广东省/佛山市/顺德区|35 592 闽D 福建省/厦门市/思明区|"
    "37 532 鲁B 山东省/青岛市/市南区|37 531 鲁A 山东省/济南市/历下区|41 371 豫A 河南省/郑州市/二七区|"
    "42 27 鄂A 湖北省/武汉市/洪山区|43 731 湘A 湖南省/长沙市/岳麓区|51 28 川A 四川省/成都市/双流区|"
    "61 29 陕A 陕西省/西安市/雁塔区|21 24 辽A 辽宁省/沈阳市/和平区|22 431 吉A 吉林省/长春市/二道区|"
    "23 451 黑A 黑龙江省/哈尔滨市/道里区|34 551 皖A 安徽省/合肥市/蜀山区|36 791 赣A 江西省/南昌市/青山湖区|"
    "45 771 桂A 广西壮族自治区/南宁市/青秀区|53 871 云A 云南省/昆明市/五华区|"
    "52 851 贵A 贵州省/贵阳市/观山湖区|62 931 甘A 甘肃省/兰州市/七里河区|"
    "65 991 新A 新疆维吾尔自治区/乌鲁木齐市/天山区|15 471 蒙A 内蒙古自治区/呼和浩特市/回民区|"
    "46 898 琼A 海南省/海口市/龙华区"
).split("|")
_TOWNS = "翠岭街道 望江街道 石桥镇 云亭镇 临湖街道 九曲乡 新集镇 南楼街道".split()
_ROADS = (
    "文三路 学府路 解放东路 人民南路 建设北路 中山一路 滨河大道 望江街 枫林路 青年大街 科技园路 环城西路 "
    "五四大街 八一大道 观湖路 育才巷 迎宾大道 和平里 星海街 云台路"
).split()
_COMPLEXES = "翠苑 阳光花园 滨江公馆 锦绣江南 望湖名邸 云栖雅苑 金桂园 春晓里 学林苑 紫荆庭院".split()
_TOWERS = "星河广场 云图科技大厦 远洋国际中心 汇金大厦 创新谷 明德商务楼".split()
_VILLAGES = "李家庄村 上河湾村 新桥村 五里墩村".split()

_HONG_KONG = (
    "香港九龍旺角彌敦道{n}號{c}座{f}樓{r}室",
    "香港特别行政区湾仔轩尼诗道{n}号{f}楼{c}室",
    "Flat {c}, {f}/F, {n} Example Mansion, Nathan Road, Kowloon, Hong Kong",
)
_MACAO = ("澳門特別行政區新馬路{n}號{f}樓{c}", "澳门氹仔示例大马路{n}号{f}楼{c}座")
_TAIWAN = ("臺灣臺北市大安區復興南路一段{n}號{f}樓之{u}", "台灣高雄市三民區建國三路{n}巷{u}弄{r}號")
_EUROPE = (
    "Musterstraße {n}, 50667 Köln, Deutschland",
    "{n} rue de l'Exemple, bât. {c}, 69003 Lyon, France",
    "ul. Przykładowa {n}/{u}, 00-950 Warszawa, Polska",
)
_OVERSEAS = (
    "Flat {u}, {n} Rose Lane, Leeds LS1 4AP, United Kingdom",
    "{n} Elm Street, Apt {r}, Springfield, IL 62701, USA",
    "שדרות הדוגמה {n}, תל אביב",
    "東京都千代田区見本町{u}丁目{n}番{r}号",
)


@dataclass(frozen=True, slots=True)
class Place:
    """An address with the names and numbers that go with it."""

    address: str
    district: str | None
    # The short name of the city and district, as firms and shops carry them.
    city: str
    county: str
    # The first two digits of papers, the dialling code without its zero, and the head of number plates.
    province_digits: str
    area: str
    plate: str


def at_home(chance: Random) -> Place:
    """Find a door in a city of the mainland; one address in ten leaves the province out."""
    digits, area, plate, names = chance.choice(_DISTRICTS).split(" ")
    province, city, county = names.split("/")
    town = chance.choice(_TOWNS) if chance.random() < 0.25 else ""
    shown = "" if city and chance.random() < 0.1 else province
    return Place(
        f"{shown}{city}{county}{town}{_door(chance)}",
        f"{province}{city}{county}",
        (city or province).removesuffix("市"),
        county or city,
        digits,
        area,
        plate,
    )


def in_hong_kong(chance: Random) -> str:
    """Find a door in Hong Kong."""
    return _filled(chance, _HONG_KONG)


def in_macao(chance: Random) -> str:
    """Find a door in Macao."""
    return _filled(chance, _MACAO)


def in_taiwan(chance: Random) -> str:
    """Find a door in Taiwan."""
    return _filled(chance, _TAIWAN)


def in_europe(chance: Random) -> str:
    """Find a door in the European Union."""
    return _filled(chance, _EUROPE)


def overseas(chance: Random) -> str:
    """Find a door in some other country."""
    return _filled(chance, _OVERSEAS)


def _door(chance: Random) -> str:
    number, room = chance.randint(1, 1999), f"{chance.randint(1, 33)}{chance.randint(1, 12):02d}"
    building, unit = chance.randint(1, 40), chance.randint(1, 4)
    road, complex_name = chance.choice(_ROADS), chance.choice(_COMPLEXES)
    match chance.randrange(8):
        case 0:
            return f"{road}{number}号{chance.choice(_TOWERS)}{chance.choice('ABCD')}座{room}室"
        case 1:
            return f"{road}{number}弄{building}号{room}室"
        case 2:
            return f"{chance.choice(_VILLAGES)}{building}组{number}号"
        case 3:
            return f"{complex_name}{building}幢{unit}单元{room}"
        case 4:
            return f"{road}{number}号"
        case 5:
            return f"{road}{number}-{unit}号{complex_name}{building}栋{room}"
        case _:
            return f"{road}{number}号{complex_name}{building}幢{unit}单元{room}室"


def _filled(chance: Random, shapes: tuple[str, ...]) -> str:
    number, floor, room, unit = (chance.randint(1, most) for most in (480, 38, 19, 6))
    return chance.choice(shapes).format(n=number, f=floor, r=room, u=unit, c=chance.choice("ABCDEFGH"))
