"""What is in use, and who said so: MLflow runs and versions.

MLflow reads its switches from the environment when it is imported, hence here: nothing
is sent home from a hospital, neither bars nor addresses are drawn into a log, and a
server that is down is told of in half a minute, not in several.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
