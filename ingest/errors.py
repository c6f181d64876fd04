"""The exceptions a person may see: one clear line each, with what was seen and what to do."""


class PinciteError(Exception):
    """Bad usage or bad input. Commands print the message on standard error and exit with status 2."""


class CorpusError(PinciteError):
    """A path, file or record that cannot be read as articles."""


class StoreError(PinciteError):
    """An index that is missing, damaged, or made with other settings than it is used with."""


class ModelError(PinciteError):
    """A model that cannot be found or does not match the index."""


class QuestionError(PinciteError):
    """A question that cannot be asked: empty, too long, or malformed."""


class BackendError(PinciteError):
    """A language model that failed: wrong key, dead host, nonsense. Never hidden behind a refusal."""
