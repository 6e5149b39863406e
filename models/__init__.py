"""Machine-learning models behind small protocols; each file alone imports its library."""

import os

# From its version 1.29 on, onnxruntime sends its maker what it runs, and keeps it in the home folder until
# then. It looks for this while it is imported, by whichever library comes first; an operator's choice stands.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
