"""Chinese templates of finished messages: reasons, hints, warnings."""

GENERAL_MESSAGES: dict[str, str] = {
    # before training: labkit/presets.py, labkit/runs/estimate.py
    "{epochs} epochs: 2 to 4 are usual for fine-tuning BERT.": "{epochs} 轮：微调 BERT 一般用 2 到 4 轮。",
    "{epochs} epoch: 2 to 4 are usual for fine-tuning BERT.": "{epochs} 轮：微调 BERT 一般用 2 到 4 轮。",
    "All rates are 0: nothing will be learnt.": "学习率全是 0：什么也学不到。",
    "Encoder and head have the rate 0: only the CRF learns, by scores that were drawn at random.": (
        "编码器和下游的学习率都是 0：只有 CRF 在学，而它依据的是随机初始化的得分。"
    ),
    "The CRF's rate is 0: it stays as it was drawn, and learns no rule of the tags.": (
        "CRF 学习率是 0：它一直是初始值，学不到任何标签规则。"
    ),
    "The head's rate is below the encoder's: a fresh head usually needs the larger one.": (
        "下游学习率低于编码器：随机初始化的下游结构通常需要更大的学习率。"
    ),
    "The head's rate is {ratio} times the encoder's: above 1000 training often fails.": (
        "下游学习率是编码器的 {ratio} 倍：超过 1000 倍往往训练失败。"
    ),
    "The batch ({batch}) is larger than the training part ({sentences} sentences).": (
        "批大小（{batch}）超过了训练集（{sentences} 句）。"
    ),
    "A step ({step} sentences) is larger than the training part ({sentences} sentences).": (
        "每步的 {step} 句超过了训练集（{sentences} 句）。"
    ),
    "The longest window is {longest}, not {asked}: the encoder reads no more.": (
        "最长窗口是 {longest}，不是 {asked}：编码器最多只能读这么多。"
    ),
    "{count} windows are longer than the token budget ({budget}); each is a batch of its own.": (
        "有 {count} 个窗口超过每步 token 上限（{budget}），各自单独成批。"
    ),
    "The encoder's rate is above {rate}: it forgets what it has learnt, unless it is as small as tiny-zh.": (
        "编码器学习率高于 {rate}：除非编码器像 tiny-zh 这样小，否则会忘掉预训练学到的东西。"
    ),
    "IDCNN often learns nothing at a head rate above {rate}; 1e-3 is a good start.": (
        "下游学习率高于 {rate} 时，IDCNN 往往什么也学不到；可先用 1e-3。"
    ),
    "The CRF has a rate of its own, but there is no CRF: the run would fail.": (
        "给 CRF 单独设了学习率，但结构里没有 CRF：实验会失败。"
    ),
    "from run {run}": "参照实验 {run}",
    # settings: labkit/settings.py, labkit/lab/slider_stops.py
    "{name} must be between {low} and {high}, not {value}": "{name}必须在 {low} 和 {high} 之间，不能是 {value}",
    "{name} must be one of {choices}, not {value}": "{name}必须是 {choices} 之一，不能是 {value}",
    "{name} must not be empty": "{name}不能为空",
    "{name} must look like {example}, not {value}": "{name}应写成 {example} 这样，不能是 {value}",
    "{name} must be a whole number, not {value}": "{name}必须是整数，不能是 {value}",
    "{name} must be a number, not {value}": "{name}必须是数字，不能是 {value}",
    "{text} is not a number; write it like 2.5e-5 or 0.01": "{text} 不是数字；请写成 2.5e-5 或 0.01 这样",
    "{text} is not a number; write it like 16": "{text} 不是数字；请写成 16 这样",
    # configs that cannot be trained: labkit/training/setup.py, precision.py
    "trackers: {name} is not installed here; pip install {again}": (
        "实验跟踪：这里没有安装 {name}；请运行 pip install {again}"
    ),
    "trackers: accelerate knows no {name}, but {known}": "实验跟踪：accelerate 不认识 {name}，只认识 {known}",
    "device cuda was asked for, but torch finds no GPU here; `labkit devices` says why": (
        "选择了设备 cuda，但 torch 在这里找不到 GPU；原因见 `labkit devices`"
    ),
    "device mps was asked for, but this machine has none": "选择了设备 mps，但这台机器没有",
    "precision float16 is not possible on a CPU; choose auto, bfloat16 or float32": (
        "CPU 上不能用 float16 精度；请选 auto、bfloat16 或 float32"
    ),
    # why a run failed: labkit/training/failures.py, recorder.py
    "there is no CRF for a crf_rate of {rate}; leave the rate out, or choose the decoder crf": (
        "CRF 学习率设为 {rate}，但结构里没有 CRF；请去掉它，或者把解码层改为 CRF"
    ),
    "The loss is not a number at step {step} (rates: {rates}).": "第 {step} 步损失不是数字（学习率：{rates}）。",
    "The {part} loss is not a number at step {step} (peak rates: {rates}).": (
        "第 {step} 步之后，{part}损失不是数字（峰值学习率：{rates}）。"
    ),
    "The loss exploded to {loss} per word, the mean of the last {count} steps, at step {step} (rates: {rates}).": (
        "第 {step} 步损失爆炸，最近 {count} 步平均每词 {loss}（学习率：{rates}）。"
    ),
    "The loss exploded to {loss} per word at step {step} (rates: {rates}).": (
        "第 {step} 步损失爆炸，每词达到 {loss}（学习率：{rates}）。"
    ),
    "The {part} loss exploded to {loss} per word at step {step} (peak rates: {rates}).": (
        "第 {step} 步之后，{part}损失爆炸，每词达到 {loss}（峰值学习率：{rates}）。"
    ),
    "The dev loss ended at {loss} per word (F1 {f1}), where a tagger that guesses evenly has {guess}.": (
        "最后的验证损失为每词 {loss}（F1 {f1}），而均匀瞎猜只有 {guess}。"
    ),
    "Lower the {group} rate (a third of it is a good next try), or lengthen its warm-up.": (
        "请降低{group}学习率（可先试三分之一），或者延长预热。"
    ),
    "Nothing was learnt yet, so no rate is to blame: try precision float32.": (
        "这时还什么也没学，与学习率无关：请试 float32 精度。"
    ),
    "Nothing was learnt yet, so no rate is to blame: try another encoder.": (
        "这时还什么也没学，与学习率无关：请换一个编码器。"
    ),
    "Out of memory at batch size {size}, step {step}.": "批大小为 {size} 时内存不足（第 {step} 步）。",
    "Out of memory at token budget {size}, step {step}.": "每步 token 上限为 {size} 时内存不足（第 {step} 步）。",
    "Out of memory while {phase}, step {step}.": "{phase}时内存不足（第 {step} 步）。",
    "importing packages": "导入软件包",
    "The batch size plays no part here: close other programs, or try {first} or {second}.": (
        "这里与批大小无关：请关闭其他程序，或试{first}、{second}。"
    ),
    "The batch size plays no part here: close other programs, or try {only}.": (
        "这里与批大小无关：请关闭其他程序，或试{only}。"
    ),
    "The batch size plays no part here: close other programs.": "这里与批大小无关：请关闭其他程序。",
    "Try {first}, {second}, or {third}.": "请试{first}、{second}，或{third}。",
    "Try {first} or {second}.": "请试{first}，或{second}。",
    "Try a smaller encoder.": "请试更小的编码器。",
    "batch size {size} (with accumulate {count} the step stays the same)": (
        "批大小 {size}（梯度累积设为 {count}，每步等效不变）"
    ),
    "batch size {size}": "批大小 {size}",
    "token budget {size} (with accumulate {count} the step stays the same)": (
        "每步 token 上限 {size}（梯度累积设为 {count}，每步等效不变）"
    ),
    "token budget {size}": "每步 token 上限 {size}",
    "a shorter longest window (max_pieces {size} instead of {now})": "更短的窗口（最长窗口设为 {size}，现在是 {now}）",
    "a shorter longest window": "更短的窗口",  # of older logs
    "a smaller encoder": "更小的编码器",
    "No room on the disk for what the run writes, step {step}.": "磁盘已满，实验无法写入（第 {step} 步）。",
    "{free} MiB are free in {folder}: delete what is not needed, or keep fewer weights.": (
        "{folder} 剩余 {free} MiB：请删除不需要的内容，或少保留权重。"
    ),
    "Delete what is not needed, or keep fewer weights.": "请删除不需要的内容，或少保留权重。",
    "A package is missing: {error}.": "缺少软件包：{error}。",
    "Run `make setup`.": "请运行 `make setup`。",
    "Cancelled before it began.": "开始之前已取消。",
    "The details say where it happened.": "详情中有出错的位置。",
    "The run's log could not be written: {why}.": "无法写入实验日志：{why}。",
    "the folder {folder} is gone; it was deleted or renamed while it was in use": (
        "文件夹 {folder} 已不存在：使用期间被删除或改名了"
    ),
    "the settings of {run} cannot be read": "无法读取 {run} 的设置",
    # corpora in general: labkit/data
    "unknown corpus {name}: not a file, a folder, or one of {menu}": (
        "语料 {name} 不是文件、不是文件夹，也不在菜单中；菜单里有 {menu}"
    ),
    # slow precisions, missing figures of devices: labkit/training/precision.py, labkit/devices
    "This CPU has no instructions for bfloat16: it computes many times slower than in float32.": (
        "这个 CPU 没有 bfloat16 指令：用它计算比 float32 慢很多倍。"
    ),
    "this run computed in {precision}, which this device cannot: its tags are computed in {here} here, and differ in "
    "{count} of {all} dev sentences.": (
        "这个实验以 {precision} 精度计算，而本机设备不支持：这里改用 {here} 计算，"
        "{all} 句验证集句子中有 {count} 句结果不同。"
    ),
    "this run computed in {precision}, which this device cannot: its tags are computed in {here} here and may "
    "differ.": ("这个实验以 {precision} 精度计算，而本机设备不支持：这里改用 {here} 计算，结果可能不同。"),
    "NVML gives no utilisation for a MIG slice": "MIG 切片没有利用率数据",
    "NVML's utilisation is not between 0 and 100 %": "NVML 给出的利用率不在 0 到 100% 之间",
    "NVML says that more memory is in use than the GPU has": "NVML 给出的已用显存超过了显存总量",
    "the run's memory is more than NVML says is in use on the GPU: the figures are of different GPUs": (
        "实验占用的显存超过了 NVML 给出的已用显存：两个数据不是同一块 GPU 的"
    ),
    "NVML lists more memory under this process's number than is in use on the GPU: the number is another process's": (
        "NVML 在本进程号下列出的显存超过了 GPU 的已用显存：这个进程号属于另一个进程"
    ),
    "macOS tells a GPU's figures to administrators only": "macOS 只向管理员提供 GPU 数据",
    "the GPU shares the memory of the CPU": "GPU 与 CPU 共用内存",
    "these runs were scored on different corpora, or on different splits of them": (
        "这些实验的评估语料或划分不同，无法对比"
    ),
    # runs that cannot be read whole, or not be deleted: labkit/runs
    "the folder of {run} was deleted": "{run} 的文件夹已被删除",
    "{count} lines of {file} of {run} could not be understood": "{run} 的 {file} 中有 {count} 行无法解析",
    "{file} of {run} cannot be read: {why}": "无法读取 {run} 的 {file}：{why}",
    "the settings of {run} cannot be read: {why}": "无法读取 {run} 的设置：{why}",
    "{run} has no {file}; it was never completed, or the file was deleted": (
        "{run} 没有 {file}：创建时中断，或文件已丢失"
    ),
    "{file} of {run} has no field {field}": "{run} 的 {file} 中没有字段 {field}",
    "{file} of {run} has no time in its field {field}": "{run} 的 {file} 中，字段 {field} 不是时间",
    "{file} of {run} is gone; it was deleted while the run went on": "{run} 的 {file} 已不存在：实验进行中被删除",
    "nothing is known of {run}: it never began, or its log is gone": "没有 {run} 的任何记录：它从未开始，或日志已丢失",
    "nothing is known of {run}: its process wrote no event, see {file}": (
        "没有 {run} 的任何记录：它的进程毫无音讯，见 {file}"
    ),
    "FileNotFoundError: the log {file} is gone; it was deleted or renamed while it was in use": (
        "日志 {file} 已不存在：使用期间被删除或改名了"
    ),
    "{folder} is not a run of {runs}; delete it by hand, or through the store of its own folder": (
        "{folder} 不是 {runs} 中的实验；请手动删除，或用它所在文件夹的 RunStore 删除"
    ),
}
