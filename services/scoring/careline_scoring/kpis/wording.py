"""What each figure of a month means, in each language in which people read it."""

from collections.abc import Mapping

from careline_scoring.policy.kpis import KpiName
from careline_scoring.rules.wording import Language

DEFINITIONS: Mapping[Language, Mapping[KpiName, str]] = {
    "en": {
        "core_identification": "of the tenth of the buyers who spent most in the month, the share "
        "who are core or potential at its end",
        "tier_coverage": "of the customers of whom anything is known, the share who have a tier",
        "core_retention": "of the core customers when the month began, the share who are core at "
        "its end",
        "churn": "of the customers who were not dormant when the month began, the share who are at "
        "its end",
        "complaint_rate": "complaints for each contact",
        "nps": "promoters (9, 10) less detractors (0 to 6), in percent of the answers",
        "csat": "mean of the answers about satisfaction, 0 to 10",
        "cross_sell": "of those who bought and had bought a product before, the share who bought "
        "one that was new to them",
        "core_repurchase": "of the core customers when the month began, the share who bought in it",
        "clv": "net spend so far of each customer who ever bought, on average",
    },
    "zh": {
        "core_identification": "当月消费最高的十分之一买家中，月末为核心或潜力等级的占比",
        "tier_coverage": "有任何记录的客户中，已有等级的占比",
        "core_retention": "月初的核心客户中，月末仍为核心的占比",
        "churn": "月初未沉睡的客户中，月末沉睡的占比",
        "complaint_rate": "每次接触中的投诉占比",
        "nps": "推荐者（9、10 分）减贬损者（0–6 分），占回答的百分比",
        "csat": "满意度回答的平均分（0–10）",
        "cross_sell": "当月购买且此前买过产品的客户中，买了新产品的占比",
        "core_repurchase": "月初的核心客户中，当月有购买的占比",
        "clv": "每位买过的客户迄今净消费的平均值",
    },
}
