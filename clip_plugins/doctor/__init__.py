"""What is wrong with this environment, and the cure: `python -m clip_plugins.doctor`.

The room imports nothing but the standard library at its top, and the package imports nothing when the doctor
is called: it must work where torch, mmengine or mmcv don't.
"""
