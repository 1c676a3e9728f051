"""Which network to take, in two sentences with the reasons, English and Chinese. No claim that the figures do not bear.

Taken is the one that errs least, or one that is at least 1.3 times faster and whose error is shown (95 %) to be higher by no
more than a tenth of the best error, within half a point and one. The second sentence says what speed would cost, or that
nothing is settled.
"""

from collections.abc import Mapping, Sequence
from typing import Any

FASTER, MUCH_FASTER = 1.3, 2.0
SHARE, LEAST, MOST = 0.1, 0.5, 1.0  # of the best error, in points, that counts as nothing; half a point to one
Row = Mapping[str, Any]
Words = dict[str, str]


def recommend(found: Mapping[str, Any]) -> Words:
    """{"en": two sentences, "zh": the same}, from what `rank.result` found."""
    ranking: Sequence[Row] = found["ranking"]
    if not ranking:
        return {"en": "Nothing is ranked: no network was trained and judged with every seed.",
                "zh": "没有可排名的结果：没有任何网络完成了全部随机种子的训练与测试。"}  # fmt: skip
    best, majority = ranking[0], found["majority_error"]
    if best["ci95"][1] >= majority:
        return _unbroken(_nothing_learned(best, majority))
    pick = _pick(ranking)
    first, second = _first(ranking, pick, found), _second(ranking, pick, found)
    return _unbroken({"en": f"{first['en']} {second['en']}", "zh": first["zh"] + second["zh"]})


def _unbroken(words: Words) -> Words:
    """No line ends between a figure and its percent sign."""
    return {language: said.replace(" %", "\N{NO-BREAK SPACE}%") for language, said in words.items()}


def _points(value: float) -> str:
    """Of percent; never -0.00."""
    return f"{round(value, 2) + 0.0:.2f}"


def _time(row: Row) -> float:
    return row.get("latency_ms", {}).get("median", 0.0)


def _pick(ranking: Sequence[Row]) -> Row:
    best = ranking[0]
    margin = min(MOST, max(LEAST, SHARE * best["top1_error"]))
    as_good = [row for row in ranking[1:] if row["vs_best"]["ci95"][1] <= margin and _time(row) * FASTER <= _time(best)]
    return min(as_good, key=_time, default=best)


def _nothing_learned(best: Row, majority: float) -> Words:
    error, (low, high) = best["top1_error"], best["ci95"]
    return {
        "en": f"Take none of them yet: the best, {best['net']}, errs on {error:.2f} % (95 % interval {low:.2f} to {high:.2f}), "
        f"and always answering the commonest class errs on {majority:.2f} %. "
        "A longer training, more pictures, or a look at the data (`neocog data check`) comes first.",
        "zh": f"目前都不建议选用：其中最好的 {best['net']} 错误率为 {error:.2f} %（95 % 置信区间 {low:.2f}–{high:.2f}），"
        f"而始终回答最常见类别的错误率是 {majority:.2f} %。应先延长训练、增加图片，或检查数据（`neocog data check`）。",
    }


def _first(ranking: Sequence[Row], pick: Row, found: Mapping[str, Any]) -> Words:
    best, (low, high), count = ranking[0], pick["ci95"], len(found["seeds"])
    tied = [row["net"] for row in ranking if row["tied_with_best"] and row is not pick]
    comparisons = len(found["pairs"])
    if len(ranking) == 1 and found.get("failed"):
        en, zh = "the only network that was trained and judged with every seed", "只有它完成了全部随机种子的训练与测试"
    elif len(ranking) == 1:
        en, zh = "the only network that was trained", "这里只训练了这一个网络"
    elif pick is not best:
        most, times = pick["vs_best"]["ci95"][1], _time(best) / _time(pick)
        en = (
            f"at most {max(0.0, most):.2f} points more than {best['net']}'s {best['top1_error']:.2f} % (95 %), "
            f"and {times:.1f} times as fast"
        )
        zh = (
            f"比 {best['net']} 的 {best['top1_error']:.2f} % 至多高 {max(0.0, most):.2f} 个百分点（95 %），"
            f"速度却是它的 {times:.1f} 倍"
        )
    elif tied:
        en = f"the lowest figure here, though {_names(tied, 'and')} cannot be told from it"
        zh = f"是这里最低的数值，但与 {_names(tied, '和')} 的差别在统计上无法确认"
    elif comparisons == 1:
        en, zh = "fewer than the other beyond chance", "低于另一个网络，且不是偶然所致"
    else:
        en = f"fewer than any other beyond chance, corrected for {comparisons} comparisons"
        zh = f"低于其余所有网络，经 {comparisons} 次比较校正后仍非偶然"
    with_seeds = (f"; {count} seeds", f"，{count} 个随机种子") if count > 1 else ("; one seed", "，1 个随机种子")
    return {
        "en": f"Take {pick['net']}: it errs on {pick['top1_error']:.2f} % of {pick['n']:,} test pictures "
        f"(95 % interval {low:.2f} to {high:.2f}{with_seeds[0]}), {en}.",
        "zh": f"建议选用 {pick['net']}：在 {pick['n']:,} 张测试图片上错误率为 {pick['top1_error']:.2f} %"
        f"（95 % 置信区间 {low:.2f}–{high:.2f}{with_seeds[1]}），{zh}。",
    }


def _second(ranking: Sequence[Row], pick: Row, found: Mapping[str, Any]) -> Words:
    tied = [row for row in ranking if row["tied_with_best"]]
    if pick is ranking[0] and len(tied) > 1:
        fastest = min(tied, key=_time)
        return {
            "en": f"The order among these {len(tied)} is not settled (more test pictures or seeds would tell); the fastest "
            f"of them is {fastest['net']}, at {_ms(fastest)} ms a picture.",
            "zh": f"这 {len(tied)} 个网络的先后尚无定论，需要更多测试图片或随机种子；其中最快的是 {fastest['net']}，"
            f"每张图片 {_ms(fastest)} 毫秒。",
        }
    others = [row for row in ranking if row["pareto"] and _time(row) * MUCH_FASTER <= _time(pick)]
    if others:
        other = min(others, key=lambda row: row["top1_error"])
        more, low, high = _against(pick, other, found["pairs"])
        return {
            "en": f"Where time counts more, {other['net']} answers in {_ms(other)} ms instead of {_ms(pick)} and errs "
            f"{_points(more)} points more (95 % interval {_points(low)} to {_points(high)}).",
            "zh": f"若更看重速度，{other['net']} 每张图片只需 {_ms(other)} 毫秒（{pick['net']} 为 {_ms(pick)} 毫秒），"
            f"错误率高 {_points(more)} 个百分点（95 % 置信区间 {_points(low)} 至 {_points(high)}）。",
        }
    if len(ranking) > 1 and min(ranking, key=_time) is pick:
        return {"en": f"It is the fastest of them too, at {_ms(pick)} ms a picture.",
                "zh": f"它同时也是其中最快的，每张图片 {_ms(pick)} 毫秒。"}  # fmt: skip
    return {"en": f"It takes {_ms(pick)} ms a picture, and no network that is at least twice as fast is worth its errors.",
            "zh": f"它每张图片需 {_ms(pick)} 毫秒；没有快一倍以上且错误率值得接受的网络。"} if len(ranking) > 1 else {
            "en": f"It takes {_ms(pick)} ms a picture; with nothing beside it, that says little.",
            "zh": f"它每张图片需 {_ms(pick)} 毫秒；没有其他网络可比，说明不了太多。"}  # fmt: skip


def _against(pick: Row, other: Row, pairs: Sequence[Row]) -> tuple[float, float, float]:
    """By how many points `other` errs more, with the 95 % interval."""
    for pair in pairs:
        low, high = pair["ci95"]
        if (pair["a"], pair["b"]) == (pick["net"], other["net"]):
            return -pair["difference"], -high, -low
        if (pair["a"], pair["b"]) == (other["net"], pick["net"]):
            return pair["difference"], low, high
    raise KeyError((pick["net"], other["net"]))


def _ms(row: Row) -> str:
    value = _time(row)
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _names(names: Sequence[str], word: str) -> str:
    shown, gap = list(names[:3]), " " if word == "and" else ""
    if len(names) > 3:
        rest = len(names) - 3
        return ", ".join(shown) + f" and {rest} more" if word == "and" else "、".join(shown) + f" 等 {len(names)} 个"
    if len(shown) == 1:
        return shown[0]
    return (", " if gap else "、").join(shown[:-1]) + f"{gap}{word}{gap}" + shown[-1] if gap else "、".join(shown)
