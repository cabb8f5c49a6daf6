from clip_plugins.doctor.findings import Findings, look, report


def test_an_examination_that_fails_is_a_trouble():
    def fail(findings):
        findings.facts.append("torch 2.14.1")
        raise ImportError("libcudart.so.13: not found\nand more")

    found = look("stack", fail)
    assert found.facts == ["torch 2.14.1"]
    assert "ImportError: libcudart.so.13: not found);" in found.troubles[0]


def test_the_report_ends_with_numbered_troubles():
    parts = [Findings("one", ["fact"], ["remark"], ["first"]), Findings("two", troubles=["second"])]
    assert report(parts).splitlines() == ["one", "  fact", "two", "note: remark", "trouble 1: first",
                                          "trouble 2: second"]


def test_without_trouble_all_is_well():
    assert report([Findings("one", notes=["remark"])]).splitlines()[-1] == "all well"
