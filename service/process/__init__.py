"""The process: what must stand before the first request, the workers, and the embedded Redis beside them.

Its door is `service.process.serving.serve`; it is not imported here, for `ground` is needed before metrics are.
"""
