"""Every program ends when it is asked to, also while Kafka is away: an operator must not have to kill."""
import time

from city import City

SECONDS = 19  # deploy/up kills after 20


def test_every_program_ends_in_time_though_kafka_is_gone():
    with City() as city:
        city.kafka.kill()
        time.sleep(3)  # long enough for each to be in the middle of trying again
        for program in city.programs.values():
            program.wanted = False
            program.signal(15)
        began, took = time.monotonic(), {}
        while len(took) < len(city.programs) and time.monotonic() - began < SECONDS:
            took |= {name: (program.process.returncode, round(time.monotonic() - began, 1))
                     for name, program in city.programs.items() if name not in took and program.process.poll() is not None}
            time.sleep(0.05)
        assert set(took) == set(city.programs), f"still there after {SECONDS} s: {set(city.programs) - set(took)}; ended: {took}"
        assert {code for code, _ in took.values()} <= {0, 1}, took  # 1: a lane's open transaction was left to Kafka
