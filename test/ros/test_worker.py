"""The worker loses nothing that is of use, never grows, and can be left alone."""

import threading

import pytest

pytest.importorskip("rclpy")

from pose3d_ros.ros.worker import Worker


@pytest.fixture
def worker(inbox):
    """worker(handle, most) -> one that ends with the test."""
    made = []

    def make(handle=inbox, **options):
        made.append(Worker(handle, inbox, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_jobs_that_wait_come_together_and_the_oldest_go_where_there_are_too_many(worker, inbox):
    entered, go = threading.Event(), threading.Event()

    def handle(jobs):
        entered.set()
        assert go.wait(20)
        inbox(jobs)

    slow = worker(handle, most=5)
    slow.submit(0)
    assert entered.wait(20)
    assert slow.in_hand == 1
    for job in range(1, 1000):
        slow.submit(job)
    go.set()
    assert inbox.wait(2) == [[0], [995, 996, 997, 998, 999]]


def test_errors_are_told_and_the_thread_goes_on(worker, inbox):
    def handle(jobs):
        raise RuntimeError("one")

    one = worker(handle)
    one.submit(0)
    one.call(lambda: inbox("called"))
    found = inbox.wait(2)
    assert any(isinstance(item, RuntimeError) for item in found)


def test_a_thread_that_does_not_end_is_left_and_frees_what_it_holds_in_the_end(inbox):
    entered, go = threading.Event(), threading.Event()
    wanted = []

    def handle(jobs):
        entered.set()
        assert go.wait(20)
        wanted.append(hanging.mine)

    hanging = Worker(handle, inbox)
    hanging.submit(0)
    assert entered.wait(20)
    assert not hanging.stop(0.01, after=lambda: inbox("freed"))
    assert len(inbox) == 0
    go.set()
    assert inbox.wait(1) == ["freed"]
    assert wanted == [False]


def test_an_idle_thread_ends_at_once_and_does_not_free(inbox):
    idle = Worker(inbox, inbox)
    assert idle.stop(after=lambda: inbox("freed"))
    assert len(inbox) == 0
