"""Messages of a made-up city, seeded: letters, conversations, chatter, and the same message again."""
import random

from city import event

MATTERS = ["自来水管漏水没人修", "路灯坏了一直没修", "小区门口占道经营扰民", "学校补课乱收费请查处", "工地夜间施工噪音扰民", "公交车乱停乱放", "拖欠农民工工资",
           "垃圾堆放没人清理臭味很大", "违章建筑没人管", "路面塌陷请尽快维修"]
CHATTER = ["你好", "谢谢", "在吗", "点赞", "👍收到"]


def mixture(n, seed):
    """n events: most are letters of their own, some belong to conversations, some are chatter, some come again."""
    rng, sent, talk = random.Random(seed), [], 0
    while len(sent) < n:
        i = len(sent)
        kind = rng.random()
        if kind < 0.6 or not sent:
            sent.append(event(f"{seed}-l{i}", f"澄塘区第{rng.randrange(400)}号街坊：{rng.choice(MATTERS)}，请处理。𠮷", title=rng.choice(MATTERS)))
        elif kind < 0.8:
            talk = rng.randrange(max(1, n // 40))
            sent.append(event(f"{seed}-c{i}", rng.choice(MATTERS), kind="PRIVATE_MESSAGE", platform="chat", who=f"{seed}-p{talk}"))
        elif kind < 0.9:
            sent.append(event(f"{seed}-x{i}", rng.choice(CHATTER), kind="COMMENT", platform="chat", who=f"{seed}-q{rng.randrange(n)}"))
        else:
            sent.append(rng.choice(sent[-50:]))
    return sent
