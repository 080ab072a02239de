import pytest

from tests.profiles.tiny_engine import TinyEngine, make_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A folder with a tiny Llama of random weights and its tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    make_model(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_engine(tiny_model, tmp_path_factory):
    """A real inference engine that serves it; tests that break one start their own."""
    engine = TinyEngine(tiny_model)
    yield engine
    engine.stop()
