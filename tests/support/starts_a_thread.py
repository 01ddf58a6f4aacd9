"""A module that nothing can be forked after: importing it starts a thread."""

import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
