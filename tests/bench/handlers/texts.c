#include "texts.h"

#include <stdint.h>

enum { LEAST = 280 }; // bytes of a text

#define PICK(list, random) list[next(random) % (sizeof list / sizeof *list)]

static const char *const places[] = {
    "新江二路与兴源路交叉口",
    "明珠花园小区三期",
    "上城街道中山大道",
    "东埔街道红星路菜市场",
    "源南镇风光村",
    "埔前镇泰宁工业园",
    "滨江公园东门",
    "翠香苑北区",
    "建设大道公交站",
    "高埔岗安置小区",
    "永和东路实验小学门口",
    "碧水湾一期",
    "长塘路二十八号",
    "河埔大道华达公司旁",
    "越王大道人民医院",
    "桂山广场",
    "东华家园",
    "凯旋豪庭地下车库",
    "文昌路农贸市场",
    "宝源社区老年活动中心",
};

static const struct {
    const char *what, *detail;
} matters[] = {
    {"夜间施工噪音扰民", "工地每天晚上十一点以后还在打桩，机器轰鸣声一直到凌晨三点，家里老人和孩子根本没法休息"},
    {"自来水停水三天", "既没有贴通知也没有人上门解释，整栋楼的住户只能去楼下提水，做饭洗澡都成了问题"},
    {"路灯不亮", "整条街一到晚上漆黑一片，前几天还有骑电动车的大姐摔倒受伤，大家都是打着手机电筒回家"},
    {"垃圾站臭味难闻", "垃圾堆放几天没有清运，污水流到人行道上，苍蝇蚊子满天飞，路过的行人都要捂着鼻子走"},
    {"物业乱收停车费", "没有公示收费标准，也不开发票，业主提出疑问就被保安拦在门外不让进，态度十分恶劣"},
    {"拖欠农民工工资", "项目完工已经半年，二十多名工友的血汗钱到现在还没有结清，负责人电话也打不通了"},
    {"小学学区划分", "孩子今年九月就要入学，户口和房产证都在这里，学校却说学位不够，让我们去更远的地方报名"},
    {"电梯经常故障", "一个月里困人四次，维保单位来了只是重启一下就走，楼上住着好几位行动不便的老人"},
    {"路面坑洼积水", "下雨天水深到小腿，车辆经过溅得行人一身泥水，前面的井盖也松动了，十分危险"},
    {"烧烤店油烟直排", "油烟管道正对着居民楼的窗户，夏天不敢开窗，衣服晾在阳台上全是油烟味"},
    {"公交车班次太少", "早上上班高峰要等四十多分钟，车上挤得满满当当，很多学生因此迟到"},
    {"开发商延期交房", "合同约定去年年底交房，如今工地上一个工人都没有，我们一边还贷款一边付房租，压力非常大"},
    {"社保转移办理", "跑了三趟窗口，每次都说缺少材料，又不一次讲清楚，来回折腾请了好几天假"},
    {"流动摊贩占道经营", "人行道被摆得满满的，推婴儿车的妈妈只能走到机动车道上，收摊以后满地都是垃圾"},
    {"工厂排放刺鼻气体", "每到半夜就能闻到浓浓的化学品味道，附近好几户人家的小孩都在咳嗽，早上窗台落一层黑灰"},
};

static const char *const since[] = {"已经有两个多月了", "从上个星期开始", "去年冬天以来一直这样",
                                    "反映过好多次都没有结果", "十二号那天最严重"};
static const char *const asks[] = {
    "请有关部门尽快派人来看一看，给我们一个答复，谢谢！", "希望政府能重视这件事情，帮助老百姓解决实际困难。",
    "请问这件事该找哪个部门处理，什么时候能有结果？",     "建议职能部门加强监管，不要再互相推诿。",
    "恳请领导在百忙之中过问一下，我们全体住户感激不尽。",
};
static const char *const fillers[] = {
    "大家在群里讨论了很久，都觉得应该把情况如实说出来。",
    "我们打过热线电话，对方登记以后就没有下文了。",
    "附近的邻居可以作证，也拍了照片和视频。",
    "住在这里二十年了，第一次遇到这样的事情。",
};

static uint32_t next(uint64_t *state) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

void texts_make(unsigned n, const char *town, struct hy_buf *title, struct hy_buf *text) {
    uint64_t random = (uint64_t)n * 2654435761U + 12345;
    (void)next(&random);
    const char *place = PICK(places, &random);
    unsigned matter = next(&random) % (sizeof matters / sizeof *matters);
    hy_buf_clear(title);
    hy_buf_clear(text);
    hy_buf_addf(title, "关于%s的反映", matters[matter].what);
    hy_buf_addf(text, "领导您好，我是%s%s的居民，%s，%s，%s。", town, place, matters[matter].what, PICK(since, &random),
                matters[matter].detail);
    if (text->len < LEAST - 60) hy_buf_adds(text, PICK(fillers, &random));
    hy_buf_adds(text, PICK(asks, &random));
}
