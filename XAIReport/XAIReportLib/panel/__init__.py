"""The parts of the Slicer module's widget: the only place that imports qt and ctk.

``review`` is what the person sees and presses, ``inputs`` what is chosen before it, ``choices`` names the entries of combo boxes.
``shown_case`` fills the sections of a result: ``prediction``, ``evidence``, ``checks``, ``regions``, ``report`` with ``editing``
and ``narrator``, ``questions``, ``correction``, ``signing``. ``run`` follows the worker, ``narration`` those that write and answer,
with the ``consent`` that they need, ``opening`` a result on its way into the scene. ``dependencies`` says what is missing, installs
and removes it; ``installation`` shows that. ``bundles`` names the models and their classes, ``stages`` turns progress into words,
``statements`` a sentence into its evidence, ``sentences`` draws it.
"""
