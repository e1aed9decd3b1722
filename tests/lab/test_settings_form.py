"""The controls: one for every setting, exact, told once, and never raising into the browser."""

import threading

import pytest

from labkit.config import RunConfig, field_types, run_settings
from labkit.lab.page_widgets import plain_text
from labkit.lab.setting_inputs import ChoiceControl, FlagControl, MenuControl, NumberControl
from labkit.lab.settings_form import FormAssets, SettingsForm, describe_rate_ratio
from labkit.lab.slider_stops import find_nearest_stop, make_rate_stops, make_slider_stops, parse_number
from labkit.presets import PRESETS, make_config, preset_values
from labkit.settings import Setting

ODD = RunConfig(  # no field has its default
    corpus="my tweets",
    encoder="google/electra-small-discriminator",
    downstream="none",
    decoder="softmax",
    epochs=37,
    batch_size=17,
    encoder_rate=2.5e-5,
    head_rate=1.7e-3,
    crf_rate=0.02,
    encoder_schedule="constant",
    head_schedule="staircase",
    encoder_warmup=0.07,
    head_warmup=0.0,
    encoder_start=0.25,
    encoder_weight_decay=0.013,
    head_weight_decay=0.5,
    staircase_steps=100,
    staircase_factor=0.9,
    clip_norm=0.0,
    dropout=0.5,
    lstm_size=256,
    lstm_layers=2,
    idcnn_filters=64,
    idcnn_dilations="1,2,4,1",
    idcnn_repeats=2,
    mix_layers=True,
    projection_size=100,
    tanh_size=60,
    train_limit=200,
    dev_limit=50,
    test_limit=60,
    dev_share=0.2,
    repair_tags=True,
    types="PERSON=PER, DATE=",
    legal_only=True,
    implementation="reference",
    max_pieces=512,
    evaluate_every=10,
    patience=3,
    min_epochs=2,
    accumulate=4,
    token_budget=2048,
    precision="float32",
    device="cpu",
    keep="best",
    trackers="tensorboard",
    profile=True,
    seed=7,
)


@pytest.fixture
def folded():
    return SettingsForm()


@pytest.fixture
def controls(folded):
    folded.advanced_button.value = True
    return folded


def told(controls):
    heard = []
    controls.on_change(heard.append)
    return heard


def test_every_setting_has_a_control_at_its_place(controls):
    places = {"row": controls.row, "slider": controls.sliders, "advanced": controls.advanced}
    (assets,) = (widget for widget in descendants(controls.row) if isinstance(widget, FormAssets))
    for name in run_settings():
        control = getattr(controls, name)
        assert control.value == getattr(RunConfig(), name), name
        assert f"labkit-{name}" in control.input._dom_classes
        assert control.widget in descendants(places[control.setting.place]), name
        assert control.setting.help in assets.helps[name]
        assert f"labkit-help-{name}" in control.widget._dom_classes


def test_every_setting_takes_a_value_and_gives_it_back_in_its_own_type(controls):
    for name in run_settings():
        value = getattr(ODD, name)
        assert value != getattr(RunConfig(), name), name
        control = getattr(controls, name)
        control.value = value
        assert control.value == value, name
        assert type(control.value) is field_types()[name][0], name
        assert getattr(controls.config(), name) == value, name


def test_a_loaded_config_comes_back_whole_and_is_told_once(controls):
    heard = told(controls)
    controls.load(ODD)
    assert controls.config() == ODD
    assert heard == [ODD]
    controls.load(ODD)
    assert heard == [ODD], "nothing changed, so nothing is told"


def test_an_invalid_value_is_refused_in_the_words_of_the_config(controls):
    with pytest.raises(ValueError, match="epochs must be between 1 and 50, not 51"):
        controls.epochs.value = 51
    with pytest.raises(ValueError, match="downstream must be one of bilstm, idcnn, none"):
        controls.downstream.value = "gru"
    assert controls.config() == RunConfig()


def test_an_unknown_setting_is_named_with_those_there_are(controls):
    with pytest.raises(AttributeError, match="no setting 'learning_rate'; there are corpus"):
        _ = controls.learning_rate


@pytest.mark.parametrize("rate", [2e-5, 3e-5, 5e-5])
def test_the_usual_encoder_rates_are_stops_exact_to_the_last_bit(controls, rate):
    slider = controls.encoder_rate.slider
    assert {"2e-5", "3e-5", "5e-5"} <= set(slider.options)
    slider.index = slider.options.index(f"{rate:.0e}".replace("e-0", "e-"))
    assert controls.encoder_rate.value == rate
    assert controls.encoder_rate.field.value == f"{rate * 1e5:.0f}e-5"


def test_rate_sliders_reach_from_frozen_to_their_high_end(controls):
    assert controls.encoder_rate.slider.options[:2] == ("0 (frozen)", "1e-7")
    assert controls.encoder_rate.slider.options[-1] == "1e-2"
    assert controls.head_rate.slider.options[:2] == ("0 (frozen)", "1e-6")
    assert controls.head_rate.slider.options[-1] == "1e-1"
    assert controls.crf_rate.slider.options[:2] == ("as the head", "0 (frozen)")


def test_any_exact_rate_can_be_typed_and_reads_back_as_people_write_it(controls):
    controls.encoder_rate.field.value = " 0.000025 "
    assert controls.encoder_rate.value == 2.5e-5
    assert controls.encoder_rate.field.value == "2.5e-5"
    assert controls.encoder_rate.slider.label in ("2e-5", "3e-5"), "the slider stands at a neighbour"
    assert controls.config().encoder_rate == 2.5e-5


def test_the_size_of_a_run_is_chosen_among_usual_ones_or_typed_and_zero_reads_all(controls):
    control = controls.train_limit
    assert control.input.options == ("500", "1000", "2000", "5000", "10000", "all", "other…")
    assert control.input.value == "all"
    control.input.value = "2000"
    assert control.value == 2000
    control.input.value = "other…"
    control.other.value = "3000"
    assert (control.value, control.input.value) == (3000, "3000")
    control.input.value = "other…"
    control.other.value = "many"
    assert "'many' is not a number; write it like 16. Still 3000." in plain_text(control.widget)
    for typed in ("all", "0"):
        control.value = 700
        control.input.value = "other…"
        control.other.value = typed
        assert (control.value, control.input.value) == (0, "all")
    assert controls.dev_limit.field.value == "in proportion"
    controls.dev_limit.field.value = "all"
    assert controls.config().dev_limit == 0


@pytest.mark.parametrize("typed", ["fast", "2,5e-5", "<script>", "7", "-1", "nan", "inf"])
def test_bad_text_is_told_under_the_field_and_the_last_good_value_stays(controls, typed):
    heard = told(controls)
    controls.encoder_rate.field.value = typed
    control = controls.encoder_rate
    assert control.value == 5e-5
    assert heard == []
    assert control.field.value == typed, "what was typed stays, to be mended"
    assert "Still 5e-5." in plain_text(control.widget)
    assert "<script>" not in control.widget.children[-1].value


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("2.5", "Batch size must be a whole number, not 2.5"),
        ("nan", "Batch size must be a whole number, not nan"),
        ("many", "'many' is not a number; write it like 16"),
        ("1e99", "Batch size must be between 1 and 512, not 1e+99"),
    ],
)
def test_what_is_no_whole_number_is_told_where_one_is_wanted(controls, typed, told):
    controls.batch_size.field.value = typed
    assert controls.batch_size.value == 16
    assert controls.batch_size.field.value == typed
    assert f"{told}. Still 16." in plain_text(controls.batch_size.widget)


@pytest.mark.parametrize("typed", ["20", " 20 ", "2e1", "20.0"])
def test_a_whole_number_may_be_written_in_any_way(controls, typed):
    controls.batch_size.field.value = typed
    assert (controls.batch_size.value, controls.batch_size.field.value) == (20, "20")
    assert controls.batch_size.slider.label == "16"


def test_the_next_good_value_takes_the_complaint_away(controls):
    controls.batch_size.field.value = "1000"
    assert "Batch size must be between 1 and 512, not 1000" in plain_text(controls.batch_size.widget)
    controls.batch_size.field.value = "17"
    assert "Batch size" not in plain_text(controls.batch_size.widget)
    assert controls.batch_size.value == 17


def test_batch_size_walks_powers_of_two_and_takes_every_integer(controls):
    assert controls.batch_size.stops == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    for size in range(1, 513):
        controls.batch_size.field.value = str(size)
        assert controls.batch_size.value == size


def test_usual_values_are_marked(controls):
    assert set(range(1, 11)) <= set(controls.epochs.stops)
    assert "usual 2–4" in plain_text(controls.epochs.widget)
    assert "usual 3e-3–3e-2" in plain_text(controls.head_rate.widget)
    controls.downstream.value = "idcnn"
    assert "usual 1e-3–3e-3" in plain_text(controls.head_rate.widget)


def test_the_crf_rate_may_be_left_to_the_head_again(controls):
    controls.crf_rate.field.value = "1e-2"
    assert controls.crf_rate.value == 0.01
    controls.crf_rate.field.value = ""
    assert controls.crf_rate.value is None
    assert controls.crf_rate.field.value == "as the head"
    assert controls.crf_rate.slider.index == 0


def test_a_menu_takes_a_listed_name_or_any_typed_one():
    controls = SettingsForm(encoders=["minilm", "prajjwal1/bert-tiny"])
    menu = controls.encoder
    menu.input.value = "prajjwal1/bert-tiny"
    assert menu.value == "prajjwal1/bert-tiny"
    menu.input.value = "other…"
    assert menu.value == "prajjwal1/bert-tiny", "nothing typed yet"
    assert menu.other.layout.display != "none"
    menu.other.value = " bert-base-cased "
    assert menu.value == "bert-base-cased"
    assert menu.input.options == ("minilm", "prajjwal1/bert-tiny", "bert-base-cased", "other…")
    assert menu.other.layout.display == "none"


def test_a_menu_offered_anew_keeps_its_value(controls):
    heard = told(controls)
    controls.corpus.set_options(["my tweets", "wnut16"])
    assert controls.corpus.input.options == ("my tweets", "wnut16", "other…")
    assert controls.corpus.value == "wnut16"
    assert heard == []


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_what_it_touches_leaves_the_rest_and_is_told_once(controls, name):
    controls.load(ODD)
    heard = told(controls)
    controls.apply_preset(name)
    assert controls.config() == ODD.replace(**preset_values(name))
    assert len(heard) == 1
    assert controls.preset == name


def test_the_menu_of_presets_does_the_same_and_shows_which_one_holds(controls):
    menu = find(controls, "labkit-preset")
    menu.value = "article"
    assert controls.head_rate.value == 1e-4
    assert menu.label == "2020 article (BiLSTM)"
    controls.dropout.value = 0.1
    assert (controls.preset, menu.label) == ("custom", "changed by hand")
    menu.value = "labkit"
    assert (controls.dropout.value, menu.label) == (RunConfig().dropout, "defaults")
    assert "changed by hand" not in dict(menu.options)


def test_the_menu_of_pairs_sets_corpus_encoder_and_rates_at_once(controls):
    heard = told(controls)
    menu = find(controls, "labkit-pair")
    menu.value = "chinese"
    assert controls.config() == make_config("chinese")
    assert (controls.pair, controls.preset, len(heard)) == ("chinese", "labkit", 1)
    assert menu.label == "Chinese news (msra)"
    menu.value = "english"
    assert controls.config() == RunConfig()
    controls.corpus.value = "mine"
    assert menu.label == "changed by hand"


def test_a_pair_keeps_the_preset_and_what_no_pair_touches(controls):
    controls.load(make_config("english", "article IDCNN", {"epochs": 7}))
    controls.apply_pair("chinese")
    assert controls.config() == make_config("chinese", "article IDCNN", {"epochs": 7})


def test_a_preset_s_rates_follow_another_encoder_and_a_person_s_do_not(controls):
    controls.apply_pair("chinese")
    heard = told(controls)
    controls.encoder.value = "bert-base-chinese"
    assert controls.config() == make_config("chinese", overrides={"encoder": "bert-base-chinese"})
    assert len(heard) == 1
    controls.head_rate.value = 2e-3
    controls.encoder.value = "tiny-zh"
    assert (controls.encoder_rate.value, controls.head_rate.value) == (RunConfig().encoder_rate, 2e-3)


def test_the_usual_encoder_rates_are_those_of_the_encoder(controls):
    assert "usual 2e-5–5e-5" in plain_text(controls.encoder_rate.widget)
    controls.encoder.value = "tiny-zh"
    assert "usual 1e-4–1e-3" in plain_text(controls.encoder_rate.widget)
    controls.retranslate()
    assert "usual 1e-4–1e-3" in plain_text(controls.encoder_rate.widget)


def test_loaded_settings_are_shown_as_they_are(controls):
    asked = RunConfig(encoder="tiny-zh")
    controls.load(asked)
    assert controls.config() == asked


def test_an_unknown_preset_is_refused(controls):
    with pytest.raises(ValueError, match="unknown preset 'best'"):
        controls.apply_preset("best")


def test_one_move_is_told_once_to_the_setting_and_once_to_all(controls):
    heard, own = told(controls), []
    controls.head_rate.observe(own.append)
    controls.head_rate.slider.index += 1
    assert own == [2e-2]
    assert [config.head_rate for config in heard] == [2e-2]
    controls.epochs.value = 4
    assert own == [2e-2], "another setting's change is none of its business"


def test_a_callback_may_change_a_setting_in_turn(controls):
    heard = told(controls)
    controls.on_change(lambda config: setattr(controls.head_rate, "value", config.encoder_rate))
    controls.encoder_rate.value = 1e-4
    assert controls.config().head_rate == 1e-4
    assert len(heard) == 2


def test_the_ratio_is_told_in_words(controls):
    assert "head rate = 200 × encoder rate head = BiLSTM + CRF" in plain_text(controls.sliders)
    controls.apply_preset("one rate")
    assert "head rate = 1 × encoder rate" in plain_text(controls.sliders)
    assert describe_rate_ratio(RunConfig(encoder_rate=1e-2, head_rate=1e-6)) == "head rate = 0.0001 × encoder rate"
    assert describe_rate_ratio(RunConfig(encoder_rate=1e-5, head_rate=0.1)) == "head rate = 10,000 × encoder rate"
    assert describe_rate_ratio(RunConfig(encoder_rate=0)) == "encoder frozen"
    assert describe_rate_ratio(RunConfig(encoder_rate=0, head_rate=0)) == "encoder and head frozen"
    assert describe_rate_ratio(RunConfig(crf_rate=0.1)) == "head rate = 200 × encoder rate, CRF 1e-1"
    assert describe_rate_ratio(RunConfig(crf_rate=0.0)) == "head rate = 200 × encoder rate, CRF frozen"
    assert (
        describe_rate_ratio(RunConfig(encoder_rate=0, head_rate=0, crf_rate=1e-2))
        == "encoder and head frozen, CRF 1e-2"
    )
    assert describe_rate_ratio(RunConfig(crf_rate=0.1, decoder="softmax")) == "head rate = 200 × encoder rate"


def test_advanced_is_folded_away_and_says_when_something_in_it_is_changed(folded):
    assert plain_text(folded.advanced) == ""
    assert folded.advanced_button.description == "Advanced"
    folded.seed.value = 1
    assert folded.advanced_button.description == "Advanced (1 changed)"


def test_what_is_folded_away_is_made_once_when_it_is_opened_and_shows_what_was_set_until_then(folded):
    assert folded.advanced.children == ()
    folded.load(RunConfig(seed=7, crf_rate=1e-3, precision="float32", dev_limit=50, trackers="tensorboard"))
    folded.advanced_button.value = True
    made = folded.advanced.children
    settings = [name for name, setting in run_settings().items() if setting.place == "advanced"]
    assert {getattr(folded, name).widget for name in settings} <= set(descendants(folded.advanced))
    assert plain_text(folded.advanced) == "Rates and steps Structure Data Evaluation Machine"
    shown = (folded.seed.field, folded.crf_rate.field, folded.precision.input, folded.dev_limit.field)
    assert [widget.value for widget in shown] == ["7", "1e-3", "float32", "50"]
    assert folded.crf_rate.slider.label == "1e-3"
    assert folded.trackers.input.value == "tensorboard"
    folded.seed.field.value = "8"
    folded.advanced_button.value = False
    assert plain_text(folded.advanced) == ""
    folded.advanced_button.value = True
    assert folded.advanced.children == made
    assert folded.config().seed == 8


def test_a_setting_without_effect_is_hidden_unless_it_was_changed(controls):
    def hidden():
        rows = {name: getattr(controls, name).widget for name in run_settings()}
        return {name for name, row in rows.items() if row.layout.display == "none"}

    idcnn, staircase = {"idcnn_filters", "idcnn_dilations", "idcnn_repeats"}, {"staircase_steps", "staircase_factor"}
    assert hidden() == idcnn | staircase
    controls.head_schedule.value = "staircase"
    controls.downstream.value = "idcnn"
    assert hidden() == {"lstm_size", "lstm_layers"}
    controls.crf_rate.value = 1e-3
    controls.decoder.value = "softmax"
    assert "crf_rate" not in hidden(), "a run would fail for it"
    controls.crf_rate.value = None
    assert "crf_rate" in hidden()


def test_zero_reads_as_what_it_means(controls):
    shown = {name: getattr(controls, name).field.value for name in ("token_budget", "evaluate_every", "tanh_size")}
    assert shown == {"token_budget": "off", "evaluate_every": "each epoch", "tanh_size": "none"}
    controls.clip_norm.field.value = "off"
    assert controls.config().clip_norm == 0
    assert controls.train_limit.help.endswith(". 0 = all")


def test_every_control_of_a_setting_may_be_asked_for_before_it_is_shown(folded):
    folded.seed.input.value = "5"
    assert folded.config().seed == 5
    folded.advanced_button.value = True
    assert folded.seed.widget in descendants(folded.advanced)


def test_a_complaint_comes_and_goes_in_one_place(controls):
    for _ in range(3):
        controls.clip_norm.field.value = "-1"
        assert plain_text(controls.clip_norm.widget).count("must be between") == 1
        controls.clip_norm.field.value = "2"
        assert "must be between" not in plain_text(controls.clip_norm.widget)


def test_settings_moved_from_several_threads_stay_whole(controls):
    heard = told(controls)

    def move(field, values):
        for _ in range(5):
            for value in values:
                getattr(controls, field).value = value

    def typing():
        for size in range(1, 60):
            controls.batch_size.field.value = str(size)

    jobs = [
        threading.Thread(target=move, args=("head_rate", (1e-3, 2e-3, 3e-3))),
        threading.Thread(target=move, args=("epochs", (1, 2, 3))),
        threading.Thread(target=typing),
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert controls.config() == RunConfig(head_rate=3e-3, epochs=3, batch_size=59)
    assert len(heard) == 15 + 15 + 59, "each move is told once"
    assert controls.batch_size.field.value == "59"


def test_each_kind_of_setting_gets_its_kind_of_control(controls):
    kinds = {name: type(getattr(controls, name)) for name in ("encoder", "device", "repair_tags", "seed")}
    assert kinds == {"encoder": MenuControl, "device": ChoiceControl, "repair_tags": FlagControl, "seed": NumberControl}


def test_stops_of_a_rate_are_what_a_person_would_write():
    stops = make_rate_stops(1e-6, 1e-4)
    assert [repr(stop) for stop in stops] == [
        "1e-06",
        "2e-06",
        "3e-06",
        "5e-06",
        "1e-05",
        "2e-05",
        "3e-05",
        "5e-05",
        "0.0001",
    ]


def test_a_slider_always_stops_at_marks_and_default():
    setting = Setting("x", "y", low=0.0, high=1.0, scale="linear", marks=(0.33,))
    stops = make_slider_stops(setting, float, 0.01)
    assert {0.0, 0.01, 0.33, 0.35, 1.0} <= set(stops)
    assert list(stops) == sorted(stops)
    assert len(stops) <= 24


def test_a_slider_over_a_long_range_of_integers_has_few_stops_and_both_ends():
    stops = make_slider_stops(Setting("x", "y", low=5, high=1000, scale="linear"), int, 7)
    assert stops[:5] == (5, 6, 7, 8, 9)
    assert stops[-1] == 1000
    assert len(set(stops)) == len(stops) < 50


def test_nearest_goes_by_ratio_and_zero_is_near_nothing_but_zero():
    stops = (0.0, 1e-6, 1e-5, 1e-4)
    assert find_nearest_stop(stops, 2e-5) == 2
    assert find_nearest_stop(stops, 1e-12) == 1
    assert find_nearest_stop(stops, 0.0) == 0


def test_a_number_that_is_none_is_told_in_words():
    with pytest.raises(ValueError, match="'2,5' is not a number; write it like"):
        parse_number(" 2,5 ")


def find(controls, css_class):
    """The one widget of the row with this CSS class."""
    (found,) = (widget for widget in descendants(controls.row) if css_class in getattr(widget, "_dom_classes", ()))
    return found


def descendants(widget):
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += descendants(child)
    return found
