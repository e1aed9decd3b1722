"""Chinese templates of messages on corpora and encoders: notes and errors."""

CORPUS_MESSAGES: dict[str, str] = {
    # first, because templates below also match such messages
    "{count} illegal tag sequences mended, the first at {file}:{line}: {problem}.": (
        "修正了 {count} 处不合法的标签序列，第一处在 {file} 第 {line} 行：{problem}。"
    ),
    "{file}:{line}: {problem}": "{file} 第 {line} 行：{problem}",
    # notes: labkit/data/formats/conll.py, bdci.py, labkit/data/corpora.py, corpus_files.py, windows.py
    "{file}: {count} -DOCSTART- lines skipped.": "{file}：跳过了 {count} 个 -DOCSTART- 行。",
    "{file}: {count} -DOCSTART- line skipped.": "{file}：跳过了 {count} 个 -DOCSTART- 行。",
    "{file}: {count} comment lines skipped, the first on line {line}.": (
        "{file}：跳过了 {count} 行注释，第一处在第 {line} 行。"
    ),
    "{file}: {count} comment line skipped, the first on line {line}.": (
        "{file}：跳过了 {count} 行注释，在第 {line} 行。"
    ),
    "{file}: {count} invisible words left out, the first on line {line}.": (
        "{file}：略去了 {count} 个不可见的词（只有控制或格式字符），第一处在第 {line} 行。"
    ),
    "{file}: {count} invisible word left out, the first on line {line}.": (
        "{file}：略去了 {count} 个不可见的词（只有控制或格式字符），在第 {line} 行。"
    ),
    "{file}: the longest sentence has {count} words (from line {line}); are blank lines between sentences missing?": (
        "{file}：最长的句子有 {count} 个词（从第 {line} 行起）；句子之间是不是缺了空行？"
    ),
    "{file}: {count} byte order marks inside the text kept as part of words, the first on line {line}.": (
        "{file}：正文中有 {count} 个字节顺序标记，作为词的一部分保留，第一处在第 {line} 行。"
    ),
    "{file}: {count} byte order mark inside the text kept as part of words, the first on line {line}.": (
        "{file}：正文中有 {count} 个字节顺序标记，作为词的一部分保留，在第 {line} 行。"
    ),
    "{file}: line {line} is the first with {count} columns, where most have {usual}; the first is read as the word, "
    "the last as its tag.": (
        "{file}：从第 {line} 行起有的行是 {count} 列，而多数行是 {usual} 列；第一列读作词，最后一列读作标签。"
    ),
    "{file} has no column {column}: it is not scored, but its entities can be predicted.": (
        "{file} 没有 {column} 列：不参与评分，但可以预测其中的实体。"
    ),
    "{file}: {count} rows without text were left out.": "{file}：略去了 {count} 行没有正文的记录。",
    "{file}: {count} rows repeat the text of another; it is read once, with the entities of all.": (
        "{file}：有 {count} 行的正文与别的行相同；相同的只读一次，实体合并。"
    ),
    "{file}: {count} entities do not occur in their text and are not learnt: {examples}.": (
        "{file}：有 {count} 个实体没有出现在正文中，无法学习：{examples}。"
    ),
    "'{label}' on line {line}, {more}": "第 {line} 行的“{label}”，{more}",
    "'{label}' on line {line}": "第 {line} 行的“{label}”",
    "{file}: read as GB18030, as it is not UTF-8.": "{file}：不是 UTF-8，按 GB18030 读取。",
    "{count} of {all} sentences of {file} split off for dev, drawn by seed {seed}; {kept} drawn ones stayed in train, "
    "which would otherwise lack one of their tags.": (
        "从 {file} 的 {all} 句中按种子 {seed} 抽出 {count} 句作为验证集；"
        "另有 {kept} 句抽中后仍留在训练集，否则训练集会缺少它们的标签。"
    ),
    "{count} of {all} sentences of {file} split off for dev, drawn by seed {seed}.": (
        "从 {file} 的 {all} 句中按种子 {seed} 抽出 {count} 句作为验证集。"
    ),
    "{count} of {all} {split} sentences also occur in {other}, word for word: their scores are inflated.": (
        "{split}的 {all} 句中有 {count} 句与{other}逐词相同：分数会偏高。"
    ),
    "The {first} and {second} splits hold the same {count} sentences, word for word: scores on {again} are inflated.": (
        "{first}与{second}是相同的 {count} 句，逐词相同：{again}上的分数会偏高。"
    ),
    "The {split} split holds no entity: every tag is O.": "{split}里没有实体：标签全是 O。",
    "train": "训练集",
    "test": "测试集",
    "{file} was not read: its ending is not one of a corpus file.": "没有读取 {file}：扩展名不是语料文件的。",
    "{file} was not read: its name is not that of a split, like train, dev or test.": (
        "没有读取 {file}：文件名不是语料各部分的名称，如 train、dev、test。"
    ),
    "{count} sentences are longer than a window and were cut, at punctuation where there is any.": (
        "有 {count} 句超过窗口长度，已切开，尽量在标点处。"
    ),
    "{count} words are longer than a whole window; their ends are not read.": (
        "有 {count} 个词比整个窗口还长；末尾部分没有读取。"
    ),
    "{count} words have no token in this tokenizer and are read as unknown.": (
        "有 {count} 个词在这个分词器中没有对应的词片，按未知词处理。"
    ),
    "{share} of the words are unknown to this encoder, which reads them all alike; choose one that was trained on this "
    "language and script.": (
        "有 {share} 的词是这个编码器不认识的，读起来都一样；请换一个用这种语言和文字训练的编码器。"
    ),
    # why a corpus cannot be read: its files
    "no sentences here; expected lines of a word and its tag, blank lines between sentences": (
        "这里没有句子；应为每行一个词和它的标签，句子之间空一行"
    ),
    "this looks like JSON, which is not read; expected lines of a word and its tag, blank lines between sentences": (
        "这看起来是 JSON，不能读取；应为每行一个词和它的标签，句子之间空一行"
    ),
    "expected a word and its tag, separated by a tab or a space; found {what}: {text}": (
        "应为一个词和它的标签，用制表符或空格分隔；这里{what}：{text}"
    ),
    "one column": "只有一列",
    "a tag without a word": "有标签而没有词",
    "expected a word in the first column; found nothing before the tag {tag}": (
        "第一列应为词；标签 {tag} 前面什么也没有"
    ),
    "the first column numbers the words; expected one word and its tag per line, the word first": (
        "第一列是词的编号；应为每行一个词和它的标签，词在第一列"
    ),
    "{count} columns here, where most lines have {usual}, none of which has the type {type}; is the column of the tags "
    "missing?": "这里有 {count} 列，而多数行有 {usual} 列，其中没有 {type} 类型；是不是缺了标签列？",
    "unknown tag {tag} in the last column; expected O, or a letter of the scheme, a hyphen and a type, such as "
    "B-PER ({hint})": "最后一列的标签 {tag} 无法识别；应为 O，或方案字母、连字符加类型，如 B-PER（{hint}）",
    "unknown tag {tag} in the last column; expected O, or a letter of the scheme, a hyphen and a type, such as B-PER": (
        "最后一列的标签 {tag} 无法识别；应为 O，或方案字母、连字符加类型，如 B-PER"
    ),
    "capital letters": "要用大写字母",
    "a hyphen, not an underscore": "要用连字符，不是下划线",
    "the type is missing": "缺少类型",
    "the file is in UTF-16; expected UTF-8, so save it as UTF-8": "文件是 UTF-16 编码；请另存为 UTF-8",
    "a NUL byte; expected plain text in UTF-8 (is it UTF-16, or not a text file?)": (
        "有空字节；应为 UTF-8 纯文本（是 UTF-16，或者不是文本文件？）"
    ),
    "byte {offset} of the file is not UTF-8 (it can be read as GB18030, also called GBK); save the file as UTF-8, for "
    "example with `{command}`": (
        "文件第 {offset} 个字节不是 UTF-8（可按 GB18030 即 GBK 读取）；请另存为 UTF-8，例如用 `{command}`"
    ),
    "byte {offset} of the file is not UTF-8; save the file as UTF-8, for example with `{command}`": (
        "文件第 {offset} 个字节不是 UTF-8；请另存为 UTF-8，例如用 `{command}`"
    ),
    "byte {offset} of the file is neither UTF-8 nor GB18030; save the file as UTF-8": (
        "文件第 {offset} 个字节既不是 UTF-8 也不是 GB18030；请另存为 UTF-8"
    ),
    "expected {count} fields as in the header, found {found}; is a comma or a quotation mark in a text not quoted?": (
        "应与表头一样有 {count} 个字段，这里有 {found} 个；是不是正文里的逗号或引号没有加引号？"
    ),
    "no column {missing}; expected a CSV file with the columns {columns} and {labels}; found {found}": (
        "没有 {missing} 列；应为含 {columns} 和 {labels} 列的 CSV 文件；这里是 {found}"
    ),
    "an empty file": "空文件",
    "not a CSV record: {error}; quotation marks in a text are doubled": "不是 CSV 记录：{error}；正文里的引号要写两个",
    "no row holds a text; expected rows of id, title, text and entities": (
        "没有一行含有正文；应为编号、标题、正文和实体"
    ),
    "no column {column}; without it there is nothing to learn from": "没有 {column} 列；没有它就无从学习",
    # its tags
    "illegal tag sequence: {problem}; correct it, or turn on “Repair tags” (--repair-tags), which mends and counts "
    "such places": "标签序列不合法：{problem}；请改正，或勾选“修复标签”（--repair-tags），修正并计数",
    "{tag} does not belong to {scheme}, which the rest of the corpus is written in": (
        "{tag} 不属于 {scheme}，而语料的其余部分是这种方案"
    ),
    "{tag} at the start of a sentence, where BIO expects an entity to begin with {wanted}": (
        "{tag} 出现在句首，BIO 要求实体以 {wanted} 开头"
    ),
    "{tag} after {previous}, where BIO expects an entity to begin with {wanted}": (
        "{tag} 出现在 {previous} 之后，BIO 要求实体以 {wanted} 开头"
    ),
    "{tag} at the start of a sentence, where IOB1 expects {wanted} (B- only between two of one type)": (
        "{tag} 出现在句首，IOB1 要求 {wanted}（只有同类实体相邻才用 B-）"
    ),
    "{tag} after {previous}, where IOB1 expects {wanted} (B- only between two of one type)": (
        "{tag} 出现在 {previous} 之后，IOB1 要求 {wanted}（只有同类实体相邻才用 B-）"
    ),
    "{tag} at the start of a sentence, where {scheme} expects {one} or {other} before it": (
        "{tag} 出现在句首，{scheme} 要求它前面是 {one} 或 {other}"
    ),
    "{tag} after {previous}, where {scheme} expects {one} or {other} before it": (
        "{tag} 出现在 {previous} 之后，{scheme} 要求它前面是 {one} 或 {other}"
    ),
    "{tag} after {previous}, where {scheme} expects {one} or {other}": (
        "{previous} 之后是{tag}，{scheme} 要求 {one} 或 {other}"
    ),
    "the end of the sentence": "句尾",
    "{tag} (in BIO) occurs here, but nowhere in {file}, so it could not be learnt; expected one of {tags}": (
        "这里有 {tag}（BIO），而 {file} 里没有，无法学到；应为 {tags} 之一"
    ),
    "no sentence can be spared for dev; expected a dev file, or more sentences of each tag": (
        "抽不出句子作验证集；请给出 dev 文件，或者每种标签多给几句"
    ),
    # its folder
    "corpus {name} cannot be read: {reason}": "语料 {name} 无法读取：{reason}",
    "{folder}: both {one} and {other} may be the {split} split; keep one, rename the other": (
        "{folder}：{one} 和 {other} 都可能是{split}；请保留一个，另一个改名"
    ),
    "{folder}: no train file; expected a file called train with one of the endings {endings}, or none": (
        "{folder}：没有训练文件；应有名为 train 的文件，扩展名为 {endings} 之一，或没有扩展名"
    ),
    # encoders: labkit/data/encoders.py, pins.py, featurize.py, labkit/model/pretrained.py, checkpoint.py
    "encoder folder {name}: its pytorch_model.bin holds more than tensors, or is damaged, and is not loaded; look for "
    "the encoder as safetensors": (
        "编码器文件夹 {name}：其中的 pytorch_model.bin 含有张量以外的内容，或已损坏，不予加载；请改用 safetensors 格式"
    ),
    "encoder folder {name}: its weights hold values that are not numbers, for example in {weight}; replace the damaged "
    "file": "编码器文件夹 {name}：权重里有不是数字的值，如 {weight}；请替换损坏的文件",
    "encoder folder {name}: its {file} cannot be read ({reason}); it may be damaged": (
        "编码器文件夹 {name}：其中的 {file} 无法读取（{reason}）；可能已损坏"
    ),
    "tokenizer": "分词器",
    "encoder folder {name}: {weight} has the shape {found}, and {expected} by its config.json; the two files are of "
    "different models": (
        "编码器文件夹 {name}：{weight} 的形状是 {found}，按 config.json 应为 {expected}；两个文件不属于同一个模型"
    ),
    "encoder folder {name} {problem}": "编码器文件夹 {name} {problem}",
    "encoder {name} from the hub {problem}": "Hub 上的编码器 {name} {problem}",
    "has no readable config.json with a model_type; expected a folder as save_pretrained writes it": (
        "没有含 model_type 的可读 config.json；应为 save_pretrained 写出的文件夹"
    ),
    "has no weights; expected {one} or {other}": "没有权重文件；应有 {one} 或 {other}",
    "has no tokenizer; expected one of {names}": "没有分词器；应有 {names} 之一",
    "lacks {count} of the encoder's weights, for example {weight}; its config.json may be that of another model": (
        "缺少编码器的 {count} 个权重，如 {weight}；其中的 config.json 可能属于另一个模型"
    ),
    "lacks {file}, which its {index} names": "缺少 {index} 中列出的 {file}",
    "unknown encoder {name}: neither a folder nor a valid hub name; {choices}": (
        "编码器 {name} 既不是文件夹，也不是 Hub 上的名称；{choices}"
    ),
    "encoder {name} is not on this machine, and the Hugging Face hub cannot be reached; connect once to download it, "
    "set HF_ENDPOINT to a mirror, or {choices}": (
        "编码器 {name} 不在本机，也连不上 Hugging Face Hub；请联网下载一次，或把 HF_ENDPOINT 设为镜像，或{choices}"
    ),
    "the hub has no public encoder {name}; check its spelling, run `hf auth login` if it is private, or {choices}": (
        "Hub 上没有公开的编码器 {name}；请检查拼写，若是私有的请运行 `hf auth login`，或{choices}"
    ),
    "encoder {name} could not be downloaded from the hub: {error}; try again, or {choices}": (
        "编码器 {name} 下载失败：{error}；请重试，或{choices}"
    ),
    "give a local folder, or one of the menu: {menu}": "给出本地文件夹，或菜单中的名称：{menu}",
    "the tokenizer of {encoder} has tokens that the encoder has no vector for (number {number} of {rows}); do both "
    "belong to one model?": "{encoder} 的分词器有编码器没有向量的词片（{number}/{rows}）；两者属于同一个模型吗？",
    "the encoder has no vector for the token {token} (number {number} of {rows}); its tokenizer belongs to another "
    "model": "编码器没有词片 {token} 的向量（{number}/{rows}）；分词器属于另一个模型",
    "max_pieces must leave room for a word beside the tokenizer's special tokens, not {value}": (
        "最长窗口除分词器自带的标记外至少要容得下一个词，不能是 {value}"
    ),
    "{run} has no weights; it ended before its first evaluation, or was set to keep none": (
        "{run} 没有权重：它在第一次评估之前就结束了，或者设为不保留权重"
    ),
    "there is no folder {folder}": "没有文件夹 {folder}",
    "{file} of {run} cannot be read ({reason})": "{run} 的 {file} 无法读取（{reason}）",
    "it is missing": "文件缺失",
    "{weight} holds values that are not numbers": "{weight} 里有不是数字的值",
    "{file}: cannot be read: {reason}": "{file}：无法读取：{reason}",
}
