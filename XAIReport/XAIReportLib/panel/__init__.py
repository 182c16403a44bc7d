"""The parts of the Slicer module's widget: the only place that imports qt and ctk.

``run`` follows one analysis in the worker, ``dependencies`` says what is missing and installs it, ``bundles`` names the
models, ``stages`` turns progress into words, ``review`` is what the person sees and presses.
"""
