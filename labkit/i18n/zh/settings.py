"""Chinese texts of settings: labels, helps, choices, presets and controls."""

SETTING_TEXTS: dict[str, str] = {
    # labels
    "Corpus": "语料",
    "Encoder": "编码器",
    "Downstream": "下游结构",
    "Decoder": "解码层",
    "Epochs": "训练轮数",
    "Batch size": "批大小",
    "Encoder rate": "编码器学习率",
    "Head rate": "下游学习率",
    "CRF rate": "CRF 学习率",
    "Encoder schedule": "编码器衰减方式",
    "Head schedule": "下游衰减方式",
    "Encoder warm-up": "编码器预热比例",
    "Head warm-up": "下游预热比例",
    "Encoder weight decay": "编码器权重衰减",
    "Head weight decay": "下游权重衰减",
    "Staircase steps": "阶梯间隔步数",
    "Staircase factor": "阶梯衰减系数",
    "Gradient clip": "梯度裁剪",
    "Dropout": "Dropout",
    "BiLSTM size": "BiLSTM 维度",
    "BiLSTM layers": "BiLSTM 层数",
    "IDCNN filters": "IDCNN 卷积核数",
    "IDCNN dilations": "IDCNN 膨胀系数",
    "IDCNN repeats": "IDCNN 重复次数",
    "Mix layers": "融合各层",
    "Projection size": "投影层维度",
    "Tanh layer size": "tanh 层维度",
    "Sentences": "训练句数",
    "Dev sentences": "验证句数",
    "Test sentences": "测试句数",
    "Dev share": "验证集比例",
    "Repair tags": "修复标签",
    "Legal tags only": "只解码合法标签",
    "Longest window": "最大窗口长度",
    "Evaluate every": "评估间隔",
    "Accumulate": "梯度累积",
    "Token budget": "每步 token 上限",
    "Precision": "计算精度",
    "Implementation": "实现方式",
    "Device": "设备",
    "Keep weights": "保留权重",
    "Trackers": "实验跟踪",
    "Profile": "性能剖析",
    "Seed": "随机种子",
    # helps
    "a name from the corpus menu, or the path of a file or folder": "菜单中的语料名，或者文件、文件夹的路径",
    "a name from the encoder menu, a Hugging Face hub name, or a local folder": (
        "菜单中的编码器名、Hugging Face Hub 上的模型名，或者本地文件夹"
    ),
    "what follows the encoder: a recurrent or a convolutional network over the words, or nothing": (
        "接在编码器后面的结构：对各词做循环网络或卷积网络，也可以不接"
    ),
    "crf scores whole sequences of tags, softmax each word's tag by itself": (
        "CRF 对整个标签序列打分；softmax 对每个词的标签单独打分"
    ),
    "passes over the training split; 2 to 4 are usual for fine-tuning BERT": (
        "训练集遍历的次数；微调 BERT 一般用 2 到 4 轮"
    ),
    "sentences a step (on each process)": "每步的句子数（按每个进程计）",
    "peak learning rate of the pretrained encoder; 0 freezes it": "预训练编码器的峰值学习率；0 表示冻结",
    "peak learning rate of what was freshly initialised: all but the encoder": (
        "随机初始化部分（编码器以外的全部）的峰值学习率"
    ),
    "peak learning rate of the CRF's transitions alone; only if there is a CRF": (
        "单独给 CRF 转移矩阵的峰值学习率；只在有 CRF 时可用"
    ),
    "linear falls to 0 at the last step; staircase halves in jumps": (
        "linear：线性衰减，最后一步降到 0；staircase：阶梯式，每次减半"
    ),
    "share of all steps over which the rate climbs from 0": "学习率从 0 升到峰值所占的步数比例",
    "AdamW's decoupled decay; never on biases and LayerNorm": "AdamW 的解耦权重衰减；不作用于偏置和 LayerNorm",
    "steps between two jumps of a staircase schedule": "阶梯衰减每隔多少步降一次",
    "what a jump multiplies the rate by": "每降一次，学习率乘以这个系数",
    "largest norm of all gradients together; 0 does not clip": "全部梯度的最大范数；0 表示不裁剪",
    "share of values zeroed before and after the BiLSTM or IDCNN": "BiLSTM 或 IDCNN 前后随机置零的比例",
    "hidden values per direction": "每个方向的隐藏层维度",
    "stacked layers": "堆叠层数",
    "filters of each layer, three words wide": "每层的卷积核数，核宽为三个词",
    "of each layer of the block, words from one that a filter sees to the next; whole numbers with commas between": (
        "块内每层卷积核相邻两个取词位置的间隔；整数，用逗号分隔"
    ),
    "how often the block is run, with the same weights": "同一个块重复几次，权重共享",
    "go on with a learned weighted mix of all the encoder's layers instead of its last one": (
        "不只用编码器最后一层，而是用学到的权重融合所有层的输出"
    ),
    "values a word after a linear layer between encoder and downstream structure; 0 has no such layer": (
        "编码器与下游结构之间线性层的输出维度；0 表示没有这一层"
    ),
    "values a word after a linear layer and tanh behind the downstream structure; 0 has no such layer": (
        "下游结构之后线性层加 tanh 的输出维度；0 表示没有这一层"
    ),
    "train on at most this many, drawn by the seed; 0 uses all": "只用这么多句训练，按随机种子抽取；0 表示全部",
    "evaluate on at most this many, the same ones in every run; 0 uses all; in proportion: all if training uses all "
    "sentences, else one per four of them, at least 250": (
        "只用这么多句验证，各次实验相同；0 表示全部；按比例：训练用全部句子时也用全部，否则为训练句数的四分之一，"
        "至少 250 句"
    ),
    "score at most this many at the end, the same ones in every run; 0 uses all; in proportion: all if training "
    "uses all sentences, else one per two of them, at least 500": (
        "最后只在这么多句上测试，各次实验相同；0 表示全部；按比例：训练用全部句子时也用全部，否则为训练句数的一半，"
        "至少 500 句"
    ),
    "share split off for dev if the corpus has none": "语料没有验证集时，从训练集中划出的比例",
    "mend illegal tag sequences and count them; otherwise they are an error": (
        "修复不合法的标签序列并计数；不勾选时视为错误"
    ),
    "predict only tag sequences that BIO allows, also in evaluation; training stays the same": (
        "只预测符合 BIO 规则的标签序列，评估时也一样；不影响训练"
    ),
    "longer sentences are cut into windows, after sentences where possible, else at other punctuation": (
        "更长的句子会切成几个窗口：尽量在句末，其次在其他标点处"
    ),
    "also evaluate every N steps; 0 only after each epoch": "每隔这么多步额外评估一次；0 表示只在每轮结束时评估",
    "batches whose gradients are added up before a step": "累积多少个批次的梯度再更新一步",
    "instead of the batch size: as many sentences of similar length a step as fit when padded; 0 does not": (
        "代替批大小：每步取长度相近的句子，填充后不超过这个 token 数；0 表示不用"
    ),
    "auto measures whether the device is fast in bfloat16; CRF and loss stay in float32": (
        "auto 会实测设备的 bfloat16 是否更快；CRF 和损失始终用 float32"
    ),
    "how the same model is computed: reference by plain transformers, torch and pytorch-crf, fast in less time": (
        "同一模型的两种实现：参照实现只用现成的库，快速实现用时更短"
    ),
    "auto takes a GPU if there is one": "auto：有 GPU 就用 GPU",
    "which weights stay in the run folder": "实验文件夹里保留哪些权重",
    "accelerate's trackers to report to as well, such as tensorboard, separated by commas": (
        "同时上报给 accelerate 支持的跟踪工具，如 tensorboard，用逗号分隔"
    ),
    "record ten steps operator by operator, into a table and a trace file; slows those steps": (
        "逐算子记录十步，生成表格和 trace 文件；这几步会变慢"
    ),
    "decides the initial head, the order of sentences and dropout": "决定下游结构的初始化、句子顺序和 Dropout",
    # units and ranges
    "word pieces": "token",
    "steps": "步",
    ". From {low} to {high}": "。范围 {low} 到 {high}",
    # choices
    "bilstm": "BiLSTM",
    "idcnn": "IDCNN",
    "crf": "CRF",
    "softmax": "softmax",
    "none": "无",
    "linear": "线性",
    "constant": "恒定",
    "staircase": "阶梯",
    "auto": "自动",
    "fast": "快速",
    "reference": "参照",
    "best and last": "最佳和最后",
    "best": "最佳",
    "last": "最后",
    "as the head": "同下游",
    "in proportion": "按比例",
    "all": "全部",
    "0 (frozen)": "0（冻结）",
    # the controls themselves
    "labkit": "labkit 默认",
    "article": "文章配置",
    "article IDCNN": "文章配置（IDCNN）",
    "one rate": "单一学习率",
    "custom": "自定义",
    "the defaults": "默认值",
    "Chinese: {corpus}": "中文：{corpus}",
    "English: {corpus}": "英文：{corpus}",
    "sets corpus, sentences, encoder ({encoder}), and both rates to what suits them": (
        "设定语料、训练句数和编码器（{encoder}），并把两个学习率设为与之相配的值"
    ),
    "the settings are those of no preset": "当前设置不属于任何预设",
    "Advanced": "高级设置",
    "Advanced ({count} changed)": "高级设置（已改 {count} 项）",
    "other…": "其他…",
    "a name or path, then Enter": "输入名称或路径，按回车确认",
    "{low} to {high} usual": "常用 {low} 到 {high}",
    "{problem}. Still {value}.": "{problem}。仍为 {value}。",
    "head rate over encoder rate; 5 to 1000 are usual with a fresh head": (
        "下游学习率与编码器学习率之比；下游随机初始化时一般为 5 到 1000"
    ),
    "{told}, CRF {rate}": "{told}，CRF 为 {rate}",
    "{told}, CRF frozen": "{told}，CRF 已冻结",
    "encoder frozen": "编码器已冻结",
    "head frozen": "下游已冻结",
    "encoder and head frozen": "编码器和下游均已冻结",
    "head = {ratio} × encoder": "下游 = {ratio} × 编码器",
    # settings in the names of runs
    "batch": "批大小",
    "encoder": "编码器",
    "head": "下游",
    "CRF": "CRF",
    "sentences": "句数",
    "BiLSTM": "BiLSTM",
    "layers": "层数",
    "no BiLSTM": "无 BiLSTM",
    "1 epoch": "1 轮",
    "{count} epochs": "{count} 轮",
    "all sentences": "全部句子",
}
