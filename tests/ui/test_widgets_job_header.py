"""The line over the list of jobs, by itself."""

from __future__ import annotations

from datetime import timedelta

from foredeck.services.domain.job_views import JobQueueView
from foredeck.services.domain.states import JobState
from foredeck.widgets.job_header import JobHeader
from tests.support.fake_jobs import batch_status, counts, own_job
from tests.ui.widget_app import NOW, WidgetApp, ago, screen_text


async def test_the_time_of_a_batch_at_work_moves_by_itself() -> None:
    header = JobHeader()
    app = WidgetApp(header)
    row = own_job("b1", JobState.IN_PROGRESS, name="thumbs", started_at=ago(60))
    async with app.run_test(size=(80, 24)) as pilot:
        header.update_queue(JobQueueView(4, 959, 10, None), batch_status(row, counts()))
        await pilot.pause()
        assert screen_text(app)[1].endswith("1m 00s")
        assert header._ticker is not None
        app.moment = NOW + timedelta(seconds=5)
        header._tick()
        await pilot.pause()
        assert screen_text(app)[1].endswith("1m 05s")
