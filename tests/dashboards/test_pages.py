import pytest


@pytest.mark.parametrize("address", ["overview", "traces", "trace"])
def test_a_page_runs(view, seeded, address):
    extra = {"id": seeded.seed.chats[0]["trace_id"]} if address == "trace" else {}
    import time

    page = view(address, range="24h", **extra)
    t = time.time()
    page = view(address, range="24h", **extra)
    print("secs", time.time() - t)
    print(
        [e.value for e in page.error],
        [e.value for e in page.markdown],
        [e.value for e in page.caption],
        [(m.label, m.value, m.delta) for m in page.metric],
        [c.value for c in page.code],
    )
    for d in page.dataframe:
        print(d.value.head(3).T.to_string())
    assert not page.exception, page.exception[0].message
