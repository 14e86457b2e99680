"""The only place that knows Ray: plain classes as actors, the session they live in, and the Serve application.

Ray reads its switches when it is imported, so they are set here, before any file of this folder imports it.
"""

from msray.on_ray.environment import prepare

prepare()
