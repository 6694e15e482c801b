"""`pingpost serve`: settings, logs and metrics stand before the rooms that use them are imported."""

import argparse
import os

from service import logs, settings
from service.process import ground


def serve(given: argparse.Namespace) -> int:
    told = settings.read(os.environ, {row.name: getattr(given, row.name, None) for row in settings.TABLE})
    logs.set_up(log_format=told.log_format, level=told.log_level)
    with ground.take_var(told.var):
        standing = ground.prepare(told)
        # prometheus_client looks at this once, when service.metrics is imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(ground.new_metrics_folder(told.var))
        from service.app import create_app
        from service.process.serving import serve as run

        return run(standing, create_app)
