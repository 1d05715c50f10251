# A window may go by the device's own clock: three at night is three at night where the device is.

image 1 lamp 3 #2 1.0.1
device a lamp
device b lamp
device c lamp
a configure merge timezone=-05:00
    stored
b configure merge timezone=somewhere
    stored
at 2026-09-01T00:00:00Z
terms window:0_0_3_1_9_?_2026 zone:device+02:00
deploy 1 to a b c
    a: action 1: - -> queued [created]
    b: action 2: - -> queued [created]
    c: action 3: - -> queued [created]
# Nobody says anything in what follows: the doors look whether the window is open.
at 2026-09-01T00:59:59Z
windows
at 2026-09-01T01:00:00Z
windows
    open for b
    open for c
at 2026-09-01T07:59:59Z
windows
at 2026-09-01T08:00:00Z
windows
    open for a
