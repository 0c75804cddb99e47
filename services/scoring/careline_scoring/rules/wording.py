"""The words of reasons, in each language in which people read them."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]
Words = Mapping[str, str]

WORDS: Mapping[Language, Words] = {
    "en": {
        "value.high": "score {score}, high from {line}",
        "value.potential": "score {score}, potential from {line}",
        "value.normal": "score {score}, normal below {line}",
        "value.held": "held: {value} has not lasted {days} days yet",
        "need.dormant": "no contact for {days} days",
        "need.active": "{count} enquiries in {days} days",
        "need.latent": "interest and no purchase in {days} days",
        "need.none": "in contact, neither enquiring often nor interested without buying",
        "risk.low": "no sign of leaving",
        "risk.spend": "spend fell {percent} %: {now} in {days} days after {before}",
        "risk.complaint": "{count} complaint in {days} days",
        "risk.complaints": "{count} complaints in {days} days",
        "risk.held": "held: {risk} has not lasted {days} days yet",
        "tier.value": "{level} value: spend {spend} in {days} days",
        "tier.stickiness": "{level} stickiness: {count} repurchases in {days} days",
        "tier.held": "held: {tier} has not lasted {days} days yet",
        "life_cycle.prospect": "has never bought",
        "life_cycle.active": "has bought, and was in contact within {days} days",
        "life_cycle.dormant": "has bought, no contact for {days} days",
        "preference": "{value}: {count} times in {days} days",
        "preference.none": "nothing often enough in {days} days",
        "handling": "{way}: special care for {care}",
        "handling.none": "no special care calls for it",
        "record": "as the customer's record says",
    },
    "zh": {
        "value.high": "得分 {score}，{line} 分起为高价值",
        "value.potential": "得分 {score}，{line} 分起为潜力",
        "value.normal": "得分 {score}，低于 {line} 分为普通",
        "value.held": "暂保留原标签：{value}尚未持续 {days} 天",
        "need.dormant": "{days} 天没有互动",
        "need.active": "{days} 天内咨询 {count} 次",
        "need.latent": "{days} 天内有兴趣而未购买",
        "need.none": "有互动，但咨询不频繁，也没有未成交的兴趣",
        "risk.low": "没有流失迹象",
        "risk.spend": "消费下降 {percent} %：{days} 天内 {now}，前期 {before}",
        "risk.complaint": "{days} 天内投诉 {count} 次",
        "risk.complaints": "{days} 天内投诉 {count} 次",
        "risk.held": "暂保留原风险：{risk}尚未持续 {days} 天",
        "tier.value": "{level}价值：{days} 天内消费 {spend}",
        "tier.stickiness": "{level}粘性：{days} 天内复购 {count} 次",
        "tier.held": "暂保留原等级：{tier}尚未持续 {days} 天",
        "life_cycle.prospect": "从未购买",
        "life_cycle.active": "已购买，{days} 天内有互动",
        "life_cycle.dormant": "已购买，{days} 天没有互动",
        "preference": "{value}：{days} 天内 {count} 次",
        "preference.none": "{days} 天内没有足够频繁的行为",
        "handling": "{way}：特殊关怀（{care}）",
        "handling.none": "没有特殊关怀要求",
        "record": "依据客户档案",
    },
}

LEVELS: Mapping[Language, Words] = {
    "en": {
        "person_at_once": "a person at once",
        "slow_script": "slower scripts",
        "priority_lane": "the priority lane",
    },
    "zh": {
        "high": "高",
        "mid": "中",
        "low": "低",
        "medium": "中",
        "normal": "普通",
        "core": "核心",
        "potential": "潜力",
        "basic": "基础",
        "edge": "边缘",
        "person_at_once": "立即转人工",
        "slow_script": "慢速话术",
        "priority_lane": "优先通道",
        "elderly": "长者",
        "hearing": "听障",
        "sight": "视障",
        "vip": "贵宾",
    },
}
"""Levels, tiers, care and ways of handling where they are not called by their own names."""
