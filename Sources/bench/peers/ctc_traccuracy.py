"""Scoring of one frame by traccuracy: FOLDER with gt/ and res/ -> load_seconds, match_seconds, measure_seconds, det."""

import contextlib
import io
import sys
import time
import warnings

warnings.filterwarnings("ignore")
from traccuracy import run_metrics
from traccuracy.loaders import load_ctc_data
from traccuracy.matchers import CTCMatcher
from traccuracy.metrics import CTCMetrics

folder = sys.argv[1]
with contextlib.redirect_stderr(io.StringIO()):
    # The first use compiles.
    run_metrics(load_ctc_data(folder + "/small"), load_ctc_data(folder + "/small"), CTCMatcher(), [CTCMetrics()])
    start = time.perf_counter()
    gt, res = load_ctc_data(folder + "/gt"), load_ctc_data(folder + "/res")
    loaded = time.perf_counter()
    found, _ = run_metrics(gt, res, CTCMatcher(), [CTCMetrics()])
    end = time.perf_counter()
print("load_seconds", loaded - start)
print("score_seconds", end - loaded)
print("seconds", end - start)
print("det", found[0]["results"]["DET"])
