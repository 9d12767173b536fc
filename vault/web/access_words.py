"""Access words: what a customer reads of purposes, roles, actions and fields, in Chinese and English."""

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("zh", "en")

# English purposes and roles have the titles of the policy in force; a code that nobody has put in words here,
# such as one of the house's own, is said as it stands.
PURPOSES: Final[Mapping[str, str]] = {
    "P01": "订单、运单与派送",
    "P02": "实名核验",
    "P03": "货物通知",
    "P04": "咨询与客服",
    "P05": "投诉与理赔",
    "P06": "结算、代收货款与发票",
    "P07": "信用与分级",
    "P08": "问卷与回访",
    "P09": "客户拜访与大客户",
    "P10": "生日与节日关怀",
    "P11": "营销与活动",
    "P12": "积分与优惠券",
    "P13": "为履行订单而合作的承运商与关联公司",
    "P14": "联合营销与合作方自用",
    "P15": "统计与报表",
    "P16": "安全与反欺诈",
    "P17": "主管机关",
    "P18": "客户行使权利",
    "P19": "跨境运输",
}
ROLES: Final[Mapping[str, str]] = {
    "service_desk": "客服",
    "dispatcher": "调度与快递员",
    "realname_clerk": "实名核验员",
    "complaint_clerk": "投诉理赔员",
    "settlement_clerk": "结算员",
    "key_account_manager": "大客户经理",
    "marketing": "营销",
    "analyst": "分析员",
    "partner_carrier": "合作承运商",
    "privacy_officer": "隐私负责人",
    "auditor": "审计员",
    "administrator": "管理员",
    "supervisor": "主管",
    "customer": "客户本人",
    "intake": "建档",
}
ACTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "read": "查看",
        "reveal": "查看一项明文",
        "match": "核对",
        "lookup": "查找",
        "write": "更改",
        "propose": "建议更改",
        "admit": "建档",
        "record-consent": "记录或查阅同意",
        "restrict": "限制或恢复使用",
        "state": "登记事实",
        "export": "导出",
        "review": "查阅访问记录",
    },
    "en": {
        "read": "viewed",
        "reveal": "viewed one value in plain",
        "match": "compared",
        "lookup": "found",
        "write": "changed",
        "propose": "proposed a change",
        "admit": "admitted",
        "record-consent": "recorded or read a consent",
        "restrict": "restricted or restored the use",
        "state": "noted a fact",
        "export": "exported",
        "review": "looked at the record of accesses",
    },
}
TREATMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "plain": "明文",
        "last4": "后四位",
        "mask": "部分遮盖",
        "generalise": "概括",
        "token": "代号",
        "match": "仅核对",
    },
    "en": {
        "plain": "plain",
        "last4": "last four",
        "mask": "masked",
        "generalise": "generalised",
        "token": "token",
        "match": "compared only",
    },
}
FIELDS: Final[Mapping[str, str]] = {
    "customer_no": "客户编号",
    "name": "姓名",
    "company_name": "公司名称",
    "salutation": "称呼",
    "mobile": "手机号",
    "landline": "固定电话",
    "email": "电子邮箱",
    "address": "地址",
    "district": "地区",
    "id_number": "身份证件号码",
    "passport": "护照",
    "uscc": "统一社会信用代码",
    "birthday": "生日",
    "plate": "车牌",
    "notes": "备注",
    "language": "语言",
    "jurisdiction": "适用法域",
    "party_role": "交易身份",
    "trade": "行业",
    "contacts": "联系人",
    "person_in_charge": "负责人",
    "bank_account": "银行账号",
    "payment_method": "支付方式",
    "payment_record": "付款记录",
    "yearly_amount": "年度金额",
    "delivery_note": "派送说明",
    "delivery_preference": "派送偏好",
    "grade": "等级",
    "credit_inputs": "信用依据",
    "opinions": "意见",
    "needs": "需求",
    "satisfaction": "满意度",
}
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "title": "谁查看了我的数据",
        "span": "时段",
        "accesses": "访问",
        "none": "该时段内没有访问记录。",
        "on": "日期",
        "what": "操作",
        "purpose": "目的",
        "role": "角色",
        "fields": "字段",
        "times": "次数",
        "processed": "系统自动处理（无人查看内容）",
        "nothing": "被拒绝或未完成的请求（没有向任何人显示内容）",
        "total": "合计",
        "whole": (
            "本清单与封存目录一致：目录覆盖账本的前 {counted} 条记录，其后至第 {covers} 条的记录也已列出。"
        ),
        "delayed": "依法，部分记录可能会延后显示。",
        "pruned": "{month} 及更早的记录已过保存期限，可能已从账本中移除；本清单只列出仍保存的记录。",
        "staff": "此处列出的是角色，而非员工姓名。如为行使权利所必需，可向隐私负责人申请。",
        "contents": "本页不含您的数据内容，只说明哪些字段被如何显示。",
    },
    "en": {
        "title": "Who saw my data",
        "span": "Months",
        "accesses": "Accesses",
        "none": "No access is recorded in these months.",
        "on": "Date",
        "what": "What was done",
        "purpose": "Purpose",
        "role": "Role",
        "fields": "Fields",
        "times": "Times",
        "processed": "Done by the system itself (nobody saw any of it)",
        "nothing": "Requests that were refused or came to nothing (nobody was shown anything)",
        "total": "Total",
        "whole": (
            "This list is what the sealed map counts: it covers the first {counted} entries of the ledger;"
            " those after it, up to entry {covers}, are listed as well."
        ),
        "delayed": "By law, some entries may be shown later.",
        "pruned": (
            "Entries up to and in {month} may be gone, because they are not kept that long;"
            " this list names those that are still there."
        ),
        "staff": (
            "Roles stand here and no names of staff."
            " Where a name is needed to use your rights, ask the privacy officer."
        ),
        "contents": "This page holds none of your data; it says which fields were shown, and how.",
    },
}
