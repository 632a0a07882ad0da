"""Scoring by traccuracy: FOLDER with gt/ and res/ -> seconds, memory_seconds (without reading files), det."""

import contextlib
import io
import sys
import time
import warnings

warnings.filterwarnings("ignore")
from traccuracy import run_metrics
from traccuracy.loaders import load_ctc_data
from traccuracy.loaders._ctc import load_tiffs
from traccuracy.matchers import CTCMatcher
from traccuracy.metrics import CTCMetrics

folder = sys.argv[1]
with contextlib.redirect_stderr(io.StringIO()):
    # The first use compiles.
    run_metrics(load_ctc_data(folder + "/small"), load_ctc_data(folder + "/small"), CTCMatcher(), [CTCMetrics()])
    start = time.perf_counter()
    gt, res = load_ctc_data(folder + "/gt"), load_ctc_data(folder + "/res")
    found, _ = run_metrics(gt, res, CTCMatcher(), [CTCMetrics()])
    end = time.perf_counter()
start_of_files = time.perf_counter()
with contextlib.redirect_stderr(io.StringIO()):
    load_tiffs(folder + "/gt"), load_tiffs(folder + "/res")
files = time.perf_counter() - start_of_files
print("seconds", end - start)
print("memory_seconds", end - start - files)
print("det", found[0]["results"]["DET"])
