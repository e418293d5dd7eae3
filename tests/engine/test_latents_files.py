"""Single files from anywhere, encoded as the rows of an encoding were."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from tiny_training import make_images, make_workspace, small_settings, untrained

from fext_engine.errors import FextError
from fext_engine.jobs.run import run_here
from fext_engine.latents.encode_files import encode_files
from fext_engine.latents.encoding import open_encoding


@pytest.fixture
def workspace(tmp_path):
    workspace = make_workspace(tmp_path, 0)
    untrained(workspace)
    make_images(workspace.inference, 9)
    for pooling, dtype in (("none", "float32"), ("mean", "float16")):
        settings = small_settings(inference__pooling=pooling, inference__latent_dtype=dtype)
        run_here(workspace, "encode", settings, {"run": "r", "output": str(tmp_path / pooling)})
    return workspace


def files(workspace, name, paths):
    return encode_files(open_encoding(workspace.root / name), paths, workspace, small_settings().device)


@pytest.mark.parametrize("name", ["none", "mean"])
def test_a_file_has_the_vector_that_its_row_has(workspace, name):
    encoding = open_encoding(workspace.root / name)
    odd = workspace.root / "new\nline [red] \udcff.png"
    shutil.copy(encoding.image(4), odd)
    empty, missing = workspace.root / "empty.png", workspace.root / "none.png"
    empty.touch()
    vectors, problems = files(workspace, name, [odd, empty, encoding.image(0), missing, encoding.image(8)])
    assert vectors.dtype == encoding.latents.dtype
    assert np.allclose(vectors, encoding.latents[[4, 0, 8]], atol=1e-3 if name == "mean" else 1e-5)
    assert set(problems) == {empty, missing}
    assert problems[empty].startswith("empty, ") and problems[missing].startswith("unreadable, ")
    vectors, problems = files(workspace, name, [])
    assert vectors.shape == (0, *encoding.latents.shape[1:]) and not problems


def test_the_weights_are_those_that_made_the_rows_though_the_best_moved_on(workspace):
    encoding = open_encoding(workspace.root / "none")
    run = untrained(workspace, seed=1, epoch=2)
    vectors, _ = files(workspace, "none", [encoding.image(2)])
    assert vectors[0] == pytest.approx(encoding.latents[2], abs=1e-5)
    shutil.rmtree(run.checkpoint(1))
    with pytest.raises(FextError, match=r"the weights that made none \(epoch 1 of r\) are not among .*encode"):
        files(workspace, "none", [])


def test_another_preprocessing_or_no_run_is_refused(workspace):
    run = workspace.run("r")
    configuration = (run / "configuration.toml").read_text()
    (run / "configuration.toml").write_text(configuration.replace("image_width = 16", "image_width = 32"))
    with pytest.raises(FextError, match="prepared in another way than r does it now"):
        files(workspace, "none", [])
    run.rename(workspace.run("other"))
    with pytest.raises(FextError, match="made with the run r, which is not in"):
        files(workspace, "none", [])
