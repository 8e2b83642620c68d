"""Long runs that several tests look at."""


class Plays:
    """What several tests look at, played once; anew for a test that is run again (`flaky`)."""

    def __init__(self, play):
        self._play = play
        self._run = self._error = None

    def of(self, request):
        """What was played last, for this attempt of a test; raises what ended it."""
        if (self._run is None and self._error is None) or request.node.execution_count > 1:
            self._run = self._error = None
            try:
                self._run = self._play()
            except Exception as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._run
