"""
Spelling: one way to write a name, so that two ways to write it meet; with the way back to what was written.

Folded together: full and half width, hiragana and katakana, large and small kana, ケ・ヶ・が and の・ノ・之 between
kanji, old and new forms of kanji, kanji numerals and digits before what counts (四丁目, 北一条).  Spaces and what
cannot be seen are left out.  Every folded character remembers where it ended in the text, so that what is left over
is given back exactly as it was written.

Two names that fold to one stay two: whoever searches sees both and says that it is ambiguous.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_OLD_AND_NEW = (
    "亞亜 惡悪 壓圧 圍囲 爲為 醫医 壹壱 隱隠 榮栄 營営 衞衛 驛駅 圓円 鹽塩 緣縁 應応 櫻桜 奧奥 橫横 溫温 "
    "價価 假仮 會会 懷懐 壞壊 擴拡 覺覚 學学 嶽岳 樂楽 罐缶 卷巻 陷陥 勸勧 寬寛 關関 歡歓 觀観 氣気 歸帰 "
    "龜亀 舊旧 據拠 擧挙 峽峡 狹狭 曉暁 區区 驅駆 勳勲 惠恵 溪渓 經経 繼継 莖茎 螢蛍 輕軽 鷄鶏 藝芸 縣県 "
    "險険 獻献 權権 顯顕 驗験 嚴厳 廣広 恆恒 黃黄 國国 黑黒 濟済 碎砕 齋斎 劑剤 雜雑 參参 棧桟 蠶蚕 贊賛 "
    "殘残 絲糸 齒歯 兒児 辭辞 濕湿 實実 舍舎 寫写 釋釈 壽寿 收収 從従 澁渋 獸獣 縱縦 肅粛 處処 緖緒 敍叙 "
    "將将 稱称 涉渉 燒焼 證証 獎奨 條条 狀状 乘乗 淨浄 剩剰 疊畳 繩縄 壤壌 讓譲 釀醸 觸触 囑嘱 眞真 寢寝 "
    "愼慎 盡尽 圖図 粹粋 醉酔 穗穂 隨随 髓髄 數数 樞枢 瀨瀬 聲声 靜静 齊斉 攝摂 竊窃 專専 戰戦 淺浅 潛潜 "
    "錢銭 禪禅 禮礼 雙双 壯壮 搜捜 插挿 巢巣 爭争 總総 聰聡 莊荘 裝装 藏蔵 臟臓 屬属 續続 墮堕 體体 對対 "
    "帶帯 滯滞 臺台 瀧滝 擇択 澤沢 單単 擔担 膽胆 團団 彈弾 斷断 癡痴 遲遅 晝昼 蟲虫 鑄鋳 廳庁 聽聴 敕勅 "
    "鎭鎮 遞逓 鐵鉄 轉転 點点 傳伝 黨党 盜盗 燈灯 當当 鬪闘 德徳 獨独 讀読 屆届 貳弐 惱悩 腦脳 霸覇 廢廃 "
    "拜拝 賣売 麥麦 發発 髮髪 拔抜 蠻蛮 濱浜 祕秘 佛仏 拂払 竝並 變変 邊辺 邉辺 辨弁 瓣弁 辯弁 寶宝 豐豊 "
    "沒没 飜翻 槇槙 萬万 滿満 默黙 彌弥 譯訳 藥薬 與与 豫予 餘余 譽誉 搖揺 樣様 謠謡 來来 賴頼 亂乱 覽覧 "
    "龍竜 兩両 獵猟 綠緑 壘塁 勵励 靈霊 齡齢 戀恋 爐炉 勞労 樓楼 郞郎 祿禄 灣湾 髙高 﨑崎 嵜崎 𠮷吉 嶋島 "
    "嶌島 冨富 舘館 曾曽 籠篭 鷗鴎 藪薮 檜桧 壺壷 埜野 峯峰 渕淵 蘆芦 鶯鴬 櫟檪 祇祗 枡桝 礪砺 籔薮 濵浜 "
    "桒桑 萊莱 頸頚 鰺鯵 靱靭 鑛鉱 礦鉱 穎頴 簞箪 屛屏 堯尭 遙遥 瑤瑶 摑掴 攪撹 倂併 瘦痩"
)
_SMALL_KANA = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ", strict=True))
_FOLDS = (
    {pair[0]: pair[1] for pair in _OLD_AND_NEW.split()}
    | {chr(code): chr(code + 0x60) for code in range(ord("ぁ"), ord("ん") + 1)}
    | dict.fromkeys("‐‑‒–—―−", "-")
)
_KANJI = "[々〆一-鿿豈-﫿𠀀-𪛟]"
_BETWEEN = re.compile(f"(?<={_KANJI})[ガ之](?={_KANJI})")
_JOINS = {"ガ": "ケ", "之": "ノ"}
_NUMERAL = "〇一二三四五六七八九十百"
_NUMERALS = frozenset(_NUMERAL)
_COUNTED = re.compile(
    f"(?<![{_NUMERAL}])[{_NUMERAL}]{{1,6}}(?=条|丁目|町目|番|丁|線|号|区|地割|軒)"
)
_DIGITS = {numeral: value for value, numeral in enumerate("〇一二三四五六七八九")}
_UNSEEN = {
    "Zs",
    "Zl",
    "Zp",
    "Cc",
    "Cf",
    "Mn",
}  # Mn: variation selectors, and marks that no letter takes
_MOST_MARKS = 2  # of one character; more than that is no writing
_REMEMBERED = 20_000  # characters, so that hostile text does not fill the memory
_MARK = "\N{NULL}"  # what no folded text holds: here it says that a mark needs its letter
_LATE_MARKS = "ﾞﾟ"  # half-width voicing: not combining before NFKC, but so after it


@dataclass(frozen=True, slots=True)
class Spelled:
    """A folded text, and for each of its characters where it ended in what was written."""

    written: str
    text: str
    ends: tuple[int, ...]

    def after(self, taken: int) -> str:
        """Give what was written behind the first `taken` folded characters."""
        return self.written[self.ends[taken - 1] :] if taken else self.written

    def before(self, taken: int) -> str:
        return self.written[: self.ends[taken - 1]] if taken else ""


def canonical(written: str) -> str:
    """Fold a name; the way back is not wanted."""
    folded = written.translate(_FOLDED)
    if _MARK in folded:
        return spell(written).text
    folded = _BETWEEN.sub(_joined, folded)
    if _NUMERALS.isdisjoint(folded):
        return folded
    return _COUNTED.sub(lambda found: str(_value(found[0])), folded)


def spell(written: str) -> Spelled:
    """Fold a text, keeping the way back."""
    text: list[str] = []
    ends: list[int] = []
    for cluster, end in _clusters(written):
        folded = _fold(cluster[: _MOST_MARKS + 1])
        text.append(folded)
        ends += [end] * len(folded)
    joined = _BETWEEN.sub(_joined, "".join(text))
    return _counted(written, joined, ends)


def _clusters(written: str) -> list[tuple[str, int]]:
    """Cut a text into characters with the marks that belong to them."""
    clusters: list[tuple[str, int]] = []
    for place, character in enumerate(written):
        if clusters and _is_mark(character):
            clusters[-1] = (clusters[-1][0] + character, place + 1)
        else:
            clusters.append((character, place + 1))
    return clusters


@lru_cache(maxsize=_REMEMBERED)
def _is_mark(character: str) -> bool:
    return character in _LATE_MARKS or unicodedata.category(character) == "Mn"


@lru_cache(maxsize=_REMEMBERED)
def _fold(cluster: str) -> str:
    folded = ""
    for character in unicodedata.normalize("NFKC", cluster):
        if unicodedata.category(character) in _UNSEEN:
            continue
        new = _FOLDS.get(character, character).upper()
        folded += "".join(_SMALL_KANA.get(each, each) for each in new)
    return folded


class _Folded(dict[int, str]):
    """How single characters are folded, remembered for as many as Japanese has."""

    def __missing__(self, code: int) -> str:
        folded = _MARK if _is_mark(chr(code)) else _fold(chr(code))
        if len(self) < _REMEMBERED:
            self[code] = folded
        return folded


_FOLDED = _Folded()


def _joined(found: re.Match[str]) -> str:
    return _JOINS[found[0]]


def _counted(written: str, text: str, ends: list[int]) -> Spelled:
    """Write kanji numerals as digits where something is counted."""
    if not _COUNTED.search(text):
        return Spelled(written, text, tuple(ends))
    pieces: list[str] = []
    new_ends: list[int] = []
    last = 0
    for found in _COUNTED.finditer(text):
        digits = str(_value(found[0]))
        pieces += [text[last : found.start()], digits]
        new_ends += ends[last : found.start()] + [ends[found.end() - 1]] * len(digits)
        last = found.end()
    return Spelled(written, "".join(pieces) + text[last:], tuple(new_ends + ends[last:]))


def _value(numeral: str) -> int:
    if not set(numeral) & {"十", "百"}:
        return int("".join(str(_DIGITS[each]) for each in numeral))
    total = current = 0
    for each in numeral:
        if each in _DIGITS:
            current = current * 10 + _DIGITS[each]
        else:
            total += (current or 1) * (100 if each == "百" else 10)
            current = 0
    return total + current
