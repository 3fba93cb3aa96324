from detstudy.wording.labels import count, label_factor, label_setting


def test_settings_are_named_as_a_person_says_them() -> None:
    assert label_setting({}) == "baseline"
    assert label_setting({"learning_rate": 0.001}) == "learning rate 0.001"
    assert label_setting({"rpn_pre_nms_top_n_train": 6000}) == "RPN pre-NMS top-k (training) 6000"
    assert label_setting({"schedule": "warmup_cosine"}) == "warmup cosine"
    assert label_setting({"batch_size": 8, "learning_rate": 0.01}) == "batch size 8, learning rate 0.01"
    assert label_factor("rpn_nms_threshold") == "RPN NMS threshold"


def test_counts_have_their_noun() -> None:
    assert count(1, "seed") == "1 seed"
    assert count(2920, "image") == "2,920 images"
