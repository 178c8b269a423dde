"""What the servers that the tests run (kafka.py, redis.py) have in common: an end, a death, a pause, a start with its data."""
import signal
import threading


class Server:
    """A subclass has process, folder and start(), which begins anew with what is in the folder."""

    process = None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout=30):
        """Clean stop (SIGTERM)."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout)

    def kill(self):
        """SIGKILL; start() brings it back with its data."""
        if self.alive():
            self.process.kill()
            self.process.wait()

    def restart(self, clean=True):
        self.stop() if clean else self.kill()
        return self.start()

    def stop_for(self, seconds):
        """SIGSTOP now, SIGCONT after so many seconds (in the background)."""
        process = self.process
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, lambda: process.poll() is None and process.send_signal(signal.SIGCONT))
        timer.daemon = True
        timer.start()
        return timer

    def close(self):
        self.kill()
        self.folder.remove()
