"""What the end-to-end tests stand on: a real Kafka, a real Redis, our programs under a supervisor, and readers.

How to use it
-------------
    python3 tests/e2e/harness/venv.py            # makes build/venv when missing, prints its python
    build/venv/bin/pytest tests/e2e/lane         # run tests with that python, one folder a process

In a test (tests/e2e/conftest.py puts this package on the path):

    from harness.kafka import Kafka
    from harness.redis import Redis
    from harness.supervisor import Program
    from harness import topics, contract, ledger

    with Kafka() as kafka, Redis() as redis:     # free ports, own data folder, gone afterwards
        topics.create(kafka.bootstrap, "t1.hy.commands", 16, {"message.timestamp.type": "LogAppendTime"})
        with Program("casework-0", ["build/debug/bin/casework", "--set", f"kafka.brokers={kafka.bootstrap}"]) as p:
            p.kill()                             # SIGKILL; the supervisor starts it again and counts
            p.stop_for(5.0)                      # SIGSTOP, SIGCONT after 5 s, in the background
            p.arm("lane.before_flush:1:kill")    # a named crash point, hit with work in hand (lib/base/fault.h)
        records = topics.read_all(kafka.bootstrap, "t1.hy.cases")             # read_committed, to the end
        event = contract.decode("Event", records[0].value)                    # the published .proto, nothing generated

kafka.kill(), kafka.stop_for(s), kafka.restart() and the same of redis hurt the servers. Everything started here dies with
the test process (PR_SET_PDEATHSIG), on whatever way it ends.

Environment
-----------
HY_KAFKA_LIBS   folder with the broker's jars; default build/kafka/libs, fetched once by Maven from deploy/kafka/pom.xml
HY_E2E_KEEP=1   keep data folders and logs and say where they are
HY_BUILD        preset folder with the programs; default: the first of build/asan, build/debug, build/release that exists
"""
