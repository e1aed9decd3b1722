"""Chinese templates of errors that the terminal shows, as long as it shows their finished text."""

GENERAL_MESSAGES: dict[str, str] = {
    # settings: labkit/settings.py
    "{name} must be between {low} and {high}, not {value}": "{name}必须在 {low} 和 {high} 之间，不能是 {value}",
    "{name} must be one of {choices}, not {value}": "{name}必须是 {choices} 之一，不能是 {value}",
    "{name} must not be empty": "{name}不能为空",
    "{name} must look like {example}, not {value}": "{name}应写成 {example} 这样，不能是 {value}",
    "{name} must be a whole number, not {value}": "{name}必须是整数，不能是 {value}",
    "{name} must be a number, not {value}": "{name}必须是数字，不能是 {value}",
    # configs that cannot be trained: labkit/training/setup.py
    "trackers: {name} is not installed here; pip install {again}": (
        "实验跟踪：这里没有安装 {name}；请运行 pip install {again}"
    ),
    "trackers: accelerate knows no {name}, but {known}": "实验跟踪：accelerate 不认识 {name}，只认识 {known}",
    "there is no CRF for a crf_rate of {rate}; leave the rate out, or choose the decoder crf": (
        "CRF 学习率设为 {rate}，但结构里没有 CRF；请去掉它，或者把解码层改为 CRF"
    ),
    # corpora in general: labkit/data
    "unknown corpus {name}: not a file, a folder, or one of {menu}": (
        "语料 {name} 不是文件、不是文件夹，也不在菜单中；菜单里有 {menu}"
    ),
    # files of runs: labkit/runs, labkit/events.py
    "the folder {folder} is gone; it was deleted or renamed while it was in use": (
        "文件夹 {folder} 已不存在：使用期间被删除或改名了"
    ),
    "{file} of {run} cannot be read: {why}": "无法读取 {run} 的 {file}：{why}",
}
