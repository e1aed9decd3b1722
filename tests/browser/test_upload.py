"""An upload in a real JupyterLab: refused, or counted under the corpus menu and trained on."""

import json
import shutil

import pytest

from labkit import paths
from tests.browser.lab import LabPage
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NAME = "上传 of a test"  # cleaned for its folder
RECORDS = [{"text": f"张三在北京工作{number}。", "label": [[0, 2, "PER"], [3, 5, "LOC"]]} for number in range(40)]


def test_an_upload_becomes_a_corpus_and_what_no_format_reads_is_refused(lab: LabPage) -> None:
    folder = paths.data() / "上传-of-a-test"
    shutil.rmtree(folder, ignore_errors=True)
    before = set(paths.data().iterdir())
    lab.show()
    try:
        lab.upload(f"{NAME}.jsonl", b'{"text": 3}')
        until(lambda: "a record of no known shape" in lab.text("error"), 60, "the refusal")
        assert set(paths.data().iterdir()) == before
        lab.upload(f"{NAME}.jsonl", "\n".join(json.dumps(one, ensure_ascii=False) for one in RECORDS).encode())
        until(lambda: "read as doccano, BIO" in lab.text("plan-texts"), 60, "what was read of it")
        assert lab.text("counts").split()[:5] == ["train", "dev", "sentences", "34", "6"]
        assert lab.notebook.ask("lab.controls.corpus.value") == folder.name
        lab.train()
        until(lambda: len(lab.store.runs()) == 1, 60, "the run")
        lab.run(1).wait(timeout_s=120)
        assert lab.run(1).state == "completed"
        assert lab.page.problems == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
